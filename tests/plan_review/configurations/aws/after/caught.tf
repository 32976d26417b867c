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

resource "aws_dynamodb_table" "counted" {
  count = 1

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
  hash_key     = "OrderID"

  attribute {
    name = "OrderID"
    type = "S"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cognito_user_pool" "replaced" {
  name             = "replaced"
  alias_attributes = ["email", "phone_number"]
}

resource "aws_s3_bucket" "renamed" {
  bucket = "state-after"
}

resource "aws_sns_topic" "renamed" {
  name = "topic-after"
}

resource "aws_sqs_queue" "renamed" {
  name = "queue-after"
}

# ---- triggers

resource "aws_cognito_user_pool" "trigger_removed" {
  name = "trigger-removed"

  lambda_config {
    pre_sign_up = "${local.function}check"
  }
}

resource "aws_cognito_user_pool" "lambda_config_removed" {
  name = "lambda-config-removed"
}

resource "aws_cognito_user_pool" "trigger_unknown" {
  name = "trigger-unknown"

  lambda_config {
    post_confirmation = aws_lambda_function.new.arn
  }
}

resource "aws_lambda_function" "new" {
  function_name    = "new"
  role             = "${local.role}new"
  handler          = "index.handler"
  runtime          = "python3.13"
  filename         = "package.zip"
  source_code_hash = "hash-of-the-package"
}

resource "aws_lambda_permission" "for_another" {
  action        = "lambda:InvokeFunction"
  function_name = "greet"
  principal     = "events.amazonaws.com"
  statement_id  = "ForAnother"
}

resource "aws_lambda_permission" "added" {
  action        = "lambda:InvokeFunction"
  function_name = "greet"
  principal     = "210987654321"
  statement_id  = "Added"
}

resource "aws_lambda_permission" "of_the_new_function" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.new.function_name
  principal     = "events.amazonaws.com"
  statement_id  = "OfTheNewFunction"
}

resource "aws_lambda_event_source_mapping" "switched_off" {
  event_source_arn = "arn:aws:sqs:eu-west-1:123456789012:requests"
  function_name    = "enqueue"
  enabled          = false
}

resource "aws_scheduler_schedule" "switched_off" {
  name                = "sweep"
  schedule_expression = "rate(1 minute)"
  state               = "DISABLED"

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
      max_length = 30
      min_length = 0
    }
  }
}

# ---- what protects data

resource "aws_dynamodb_table" "unprotected" {
  name         = "unprotected"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_cognito_user_pool" "unprotected" {
  name                = "unprotected"
  deletion_protection = "INACTIVE"
}

resource "aws_s3_bucket" "force_destroy" {
  bucket        = "force-destroy"
  force_destroy = true
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
    enabled = false
  }
}

resource "aws_s3_bucket_versioning" "suspended" {
  bucket = "suspended"

  versioning_configuration {
    status = "Suspended"
  }
}

# ---- permissions

resource "aws_iam_role_policy" "star_actions" {
  name = "star-actions"
  role = "there-already-1"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:*", Resource = "${local.table}users" }]
  })
}

resource "aws_iam_role_policy" "star_resource" {
  name = "star-resource"
  role = "there-already-2"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = "*" }]
  })
}

resource "aws_iam_role_policy" "reader_writes" {
  name = "reader-writes"
  role = "there-already-3"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:DeleteItem"], Resource = "${local.table}users" }]
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

resource "aws_iam_role_policy" "second" {
  name = "second"
  role = "there-already-4"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["sns:Publish", "sqs:SendMessage"], Resource = ["${local.topic}news", "arn:aws:sqs:eu-west-1:123456789012:requests"] }]
  })
}

resource "aws_iam_role_policy" "no_condition" {
  name = "no-condition"
  role = "there-already-5"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "ses:SendEmail"
      Resource = "arn:aws:ses:eu-west-1:123456789012:identity/example.com"
    }]
  })
}

resource "aws_iam_role_policy" "unknown" {
  name = "unknown"
  role = "there-already-6"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "lambda:InvokeFunction", Resource = aws_lambda_function.new.arn }]
  })
}

resource "aws_iam_role" "trusts_more" {
  name = "trusts-more"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } },
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "arn:aws:iam::210987654321:root" } },
    ]
  })
}

resource "aws_iam_role" "new_with_star" {
  name               = "new-with-star"
  assume_role_policy = local.by_lambda
}

resource "aws_iam_role_policy" "new_with_star" {
  name = "permissions"
  role = aws_iam_role.new_with_star.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", NotAction = "iam:*", Resource = "*" }]
  })
}

# of a role that is made here: nothing is widened by what it may do, nor by what is not known of it

resource "aws_iam_role" "new" {
  name               = "new"
  assume_role_policy = local.by_lambda
}

resource "aws_iam_role_policy" "new" {
  name = "permissions"
  role = aws_iam_role.new.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:DeleteItem", Resource = "${local.table}users" }]
  })
}

resource "aws_iam_role_policy" "new_unknown" {
  name = "unknown"
  role = aws_iam_role.new.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "lambda:*", Resource = aws_lambda_function.new.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "new" {
  role       = aws_iam_role.new.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_sns_topic_policy" "anyone" {
  arn = "${local.topic}anyone"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sns:Publish", Principal = "*", Resource = "${local.topic}anyone" }]
  })
}

resource "aws_sns_topic_policy" "deny_dropped" {
  arn = "${local.topic}deny-dropped"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sns:Publish", Principal = { AWS = "${local.role}api" }, Resource = "${local.topic}deny-dropped" },
    ]
  })
}

resource "aws_lambda_function" "of_another_role" {
  function_name    = "of-another-role"
  role             = "arn:aws:iam::123456789012:role/writer"
  handler          = "index.handler"
  runtime          = "python3.13"
  filename         = "${path.module}/../package.zip"
  source_code_hash = "hash-of-the-package"
}

resource "aws_iam_role_policy_attachment" "full_access" {
  role       = "there-already-7"
  policy_arn = "arn:aws:iam::aws:policy/AmazonSNSFullAccess"
}

resource "aws_iam_role_policy_attachment" "attached" {
  role       = "there-already-8"
  policy_arn = "arn:aws:iam::123456789012:policy/whatever"
}

resource "aws_s3_bucket_public_access_block" "switched_off" {
  bucket              = "switched-off"
  block_public_acls   = true
  block_public_policy = false
}

resource "aws_apigatewayv2_route" "open" {
  api_id    = "api"
  route_key = "GET /preferences"
}
