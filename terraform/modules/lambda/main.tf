resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Each environment says how long its logs are kept.

  name              = "/aws/lambda/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:X-Ray bills every call, and what became of a row is on the row and in the log.
  #checkov:skip=CKV_AWS_116:What fails for good goes where the trigger or `asynchronous` says.
  #checkov:skip=CKV_AWS_117:It calls AWS's public endpoints alone; it needs nothing that is in a VPC.
  #checkov:skip=CKV_AWS_173:No secret is in it, and Lambda encrypts it; a key of one's own delays cold starts.
  #checkov:skip=CKV_AWS_272:A plan names the package's hash, and only what was planned is applied.

  function_name                  = var.name
  description                    = var.description
  architectures                  = [var.architecture]
  filename                       = var.package_path
  handler                        = var.handler
  memory_size                    = var.memory_mb
  publish                        = true
  reserved_concurrent_executions = var.reserved_concurrency
  role                           = module.role.arn
  runtime                        = var.runtime
  source_code_hash               = filebase64sha256(var.package_path)
  timeout                        = var.timeout_seconds

  # An empty one would be seen as a change in each plan, and each apply would publish a version.
  dynamic "environment" {
    for_each = length(var.environment) == 0 ? [] : [var.environment]

    content {
      variables = environment.value
    }
  }

  # Naming the group here also makes it exist before the function can write to it.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }
}

# What everything calls. An apply moves it to the version that it has published, a roll-back to an older one.
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    # a roll-back notes here what it has moved away from
    ignore_changes = [description]
  }
}
