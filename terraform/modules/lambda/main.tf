resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "this" {
  function_name                  = var.name
  description                    = var.description
  architectures                  = [var.architecture]
  filename                       = var.package_path
  handler                        = var.handler
  memory_size                    = var.memory_mb
  reserved_concurrent_executions = var.reserved_concurrency
  role                           = module.role.arn
  runtime                        = var.runtime
  source_code_hash               = filebase64sha256(var.package_path)
  timeout                        = var.timeout_seconds

  environment {
    variables = var.environment
  }

  # Naming the group here also makes it exist before the function can write to it.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }
}
