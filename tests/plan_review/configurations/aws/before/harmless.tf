# What AWS resources change like, without anything that the guard stops.

variable "api_key" {
  type      = string
  default   = "api-key-before"
  sensitive = true
}

# ---- nested blocks and sets

resource "aws_security_group" "web" {
  name        = "web"
  description = "Web"

  ingress {
    description = "HTTP"
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", "192.168.0.0/16"]
  }

  ingress {
    description = "HTTPS"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}

resource "aws_dynamodb_table" "orders" {
  name                        = "orders"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "OrderID"
  deletion_protection_enabled = false

  attribute {
    name = "OrderID"
    type = "S"
  }
}

resource "aws_cognito_user_pool" "people" {
  name                = "people"
  deletion_protection = "ACTIVE"

  lambda_config {
    post_confirmation = "arn:aws:lambda:eu-west-1:123456789012:function:greet"
  }

  tags = { Team = "before", "a|b" = "`before`" }

  password_policy {
    minimum_length    = 8
    require_lowercase = true
  }

  schema {
    name                = "team"
    attribute_data_type = "String"

    string_attribute_constraints {
      min_length = 0
      max_length = 20
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 60
  statistic           = "Sum"
  threshold           = 1
  alarm_actions       = []
}

# ---- policies

resource "aws_iam_role" "reader" {
  name = "reader"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = ["lambda.amazonaws.com", "states.amazonaws.com"] } },
    ]
  })
}

resource "aws_iam_role_policy" "reader" {
  name = "permissions"
  role = aws_iam_role.reader.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["dynamodb:*"]
        Resource = "*"
      },
      {
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = "arn:aws:sns:eu-west-1:123456789012:orders"
      },
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:ListBucket"]
        Resource = ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]
      },
    ]
  })
}

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_sns_topic_policy" "orders" {
  arn = "arn:aws:sns:eu-west-1:123456789012:orders"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Publishers"
        Effect    = "Allow"
        Action    = "sns:Publish"
        Principal = { AWS = ["arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:role/old"] }
        Resource  = "arn:aws:sns:eu-west-1:123456789012:orders"
      },
    ]
  })
}

# ---- secrets

resource "aws_ssm_parameter" "secret" {
  name  = "/orders/secret"
  type  = "SecureString"
  value = "parameter-before"
}

resource "aws_lambda_function" "greet" {
  function_name    = "greet"
  role             = "arn:aws:iam::123456789012:role/greet"
  handler          = "index.handler"
  runtime          = "python3.13"
  filename         = "${path.module}/../package.zip"
  source_code_hash = "hash-of-the-package-before"

  environment {
    variables = {
      API_KEY = var.api_key
      STAGE   = "dev"
    }
  }
}

# ---- replaced, moved, forgotten; none of it holds data

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.greet.function_name
  function_version = "1"
}

resource "aws_iam_role" "renamed" {
  name = "old-name"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_dynamodb_table" "old_address" {
  name         = "moved"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

resource "aws_dynamodb_table" "forgotten" {
  name         = "forgotten"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}
