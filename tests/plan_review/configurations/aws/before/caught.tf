# Whatever the guard stops, each named for what becomes of it.

locals {
  function = "arn:aws:lambda:eu-west-1:123456789012:function:"
  role     = "arn:aws:iam::123456789012:role/"
  table    = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
  topic    = "arn:aws:sns:eu-west-1:123456789012:"

  by_lambda = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

# ---- data

resource "aws_dynamodb_table" "destroyed" {
  name         = "destroyed"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_dynamodb_table" "counted" {
  count = 2

  name         = "counted-${count.index}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_dynamodb_table" "replaced" {
  name         = "replaced"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_cognito_user_pool" "replaced" {
  name             = "replaced"
  alias_attributes = ["email"]
}

resource "aws_s3_bucket" "renamed" {
  bucket = "state-before"
}

resource "aws_sns_topic" "renamed" {
  name = "topic-before"
}

resource "aws_sns_topic_subscription" "person" {
  topic_arn = "${local.topic}news"
  protocol  = "email"
  endpoint  = "ada@example.com"
}

resource "aws_kms_key" "destroyed" {
  description = "signs"
}

resource "aws_sqs_queue" "renamed" {
  name = "queue-before"
}

resource "aws_cloudwatch_log_group" "destroyed" {
  name = "/aws/lambda/destroyed"
}

# ---- triggers

resource "aws_cognito_user_pool" "trigger_removed" {
  name = "trigger-removed"

  lambda_config {
    post_confirmation = "${local.function}greet"
    pre_sign_up       = "${local.function}check"
  }
}

resource "aws_cognito_user_pool" "lambda_config_removed" {
  name = "lambda-config-removed"

  lambda_config {
    post_confirmation = "${local.function}greet"
  }
}

resource "aws_cognito_user_pool" "trigger_unknown" {
  name = "trigger-unknown"

  lambda_config {
    post_confirmation = "${local.function}greet"
  }
}

resource "aws_lambda_permission" "removed" {
  action        = "lambda:InvokeFunction"
  function_name = "greet"
  principal     = "cognito-idp.amazonaws.com"
  statement_id  = "AllowUserPool"
}

resource "aws_lambda_permission" "for_another" {
  action        = "lambda:InvokeFunction"
  function_name = "greet"
  principal     = "cognito-idp.amazonaws.com"
  statement_id  = "ForAnother"
}

resource "aws_lambda_event_source_mapping" "removed" {
  event_source_arn = "arn:aws:sqs:eu-west-1:123456789012:requests"
  function_name    = "enqueue"
}

resource "aws_lambda_event_source_mapping" "switched_off" {
  event_source_arn = "arn:aws:sqs:eu-west-1:123456789012:requests"
  function_name    = "enqueue"
}

resource "aws_scheduler_schedule" "switched_off" {
  name                = "sweep"
  schedule_expression = "rate(1 minute)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "${local.function}sweep"
    role_arn = "${local.role}sweep"
  }
}

# ---- people's attributes

resource "aws_cognito_user_pool" "attribute_removed" {
  name = "attribute-removed"

  schema {
    name                = "team"
    attribute_data_type = "String"

    string_attribute_constraints {
      max_length = 20
      min_length = 0
    }
  }

  schema {
    name                = "office"
    attribute_data_type = "String"

    string_attribute_constraints {
      max_length = 20
      min_length = 0
    }
  }
}

resource "aws_cognito_user_pool" "attribute_changed" {
  name = "attribute-changed"

  schema {
    name                = "team"
    attribute_data_type = "String"
    mutable             = true

    string_attribute_constraints {
      max_length = 20
      min_length = 0
    }
  }
}

# ---- what protects data

resource "aws_dynamodb_table" "unprotected" {
  name                        = "unprotected"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "ID"
  deletion_protection_enabled = true

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_cognito_user_pool" "unprotected" {
  name                = "unprotected"
  deletion_protection = "ACTIVE"
}

resource "aws_s3_bucket" "force_destroy" {
  bucket = "force-destroy"
}

resource "aws_dynamodb_table" "no_recovery" {
  name         = "no-recovery"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_s3_bucket_versioning" "suspended" {
  bucket = "suspended"

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "removed" {
  bucket = "removed"

  versioning_configuration {
    status = "Enabled"
  }
}

# ---- permissions

resource "aws_iam_role_policy" "star_actions" {
  name = "star-actions"
  role = "there-already-1"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:TagResource", "dynamodb:PutResourcePolicy"], Resource = "${local.table}users" },
    ]
  })
}

resource "aws_iam_role_policy" "star_resource" {
  name = "star-resource"
  role = "there-already-2"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = "${local.table}users" }]
  })
}

resource "aws_iam_role_policy" "reader_writes" {
  name = "reader-writes"
  role = "there-already-3"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query"], Resource = "${local.table}users" }]
  })
}

resource "aws_iam_role_policy" "first" {
  name = "first"
  role = "there-already-4"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = "${local.topic}news" }]
  })
}

resource "aws_iam_role_policy" "no_condition" {
  name = "no-condition"
  role = "there-already-5"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "ses:SendEmail"
      Resource  = "arn:aws:ses:eu-west-1:123456789012:identity/example.com"
      Condition = { StringEquals = { "ses:FromAddress" = "news@example.com" } }
    }]
  })
}

resource "aws_iam_role_policy" "unknown" {
  name = "unknown"
  role = "there-already-6"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = "${local.topic}news" }]
  })
}

resource "aws_iam_role" "trusts_more" {
  name                 = "trusts-more"
  assume_role_policy   = local.by_lambda
  permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
}

resource "aws_sns_topic_policy" "anyone" {
  arn = "${local.topic}anyone"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sns:Publish", Principal = { AWS = "${local.role}api" }, Resource = "${local.topic}anyone" }]
  })
}

resource "aws_sns_topic_policy" "deny_dropped" {
  arn = "${local.topic}deny-dropped"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sns:Publish", Principal = { AWS = "${local.role}api" }, Resource = "${local.topic}deny-dropped" },
      { Effect = "Deny", Action = "sns:*", Principal = "*", Resource = "${local.topic}deny-dropped", Condition = { Bool = { "aws:SecureTransport" = "false" } } },
    ]
  })
}

resource "aws_lambda_function" "of_another_role" {
  function_name    = "of-another-role"
  role             = "arn:aws:iam::123456789012:role/reader"
  handler          = "index.handler"
  runtime          = "python3.13"
  filename         = "${path.module}/../package.zip"
  source_code_hash = "hash-of-the-package"
}

resource "aws_iam_role_policy_attachment" "full_access" {
  role       = "there-already-7"
  policy_arn = "arn:aws:iam::123456789012:policy/narrow"
}

resource "aws_s3_bucket_public_access_block" "removed" {
  bucket              = "removed"
  block_public_acls   = true
  block_public_policy = true
}

resource "aws_s3_bucket_public_access_block" "switched_off" {
  bucket              = "switched-off"
  block_public_acls   = true
  block_public_policy = true
}

resource "aws_apigatewayv2_route" "open" {
  api_id             = "api"
  route_key          = "GET /preferences"
  authorization_type = "JWT"
  authorizer_id      = "authorizer"
}
