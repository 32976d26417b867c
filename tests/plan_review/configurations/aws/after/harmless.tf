variable "api_key" {
  type      = string
  default   = "api-key-after"
  sensitive = true
}

# ---- nested blocks and sets

resource "aws_security_group" "web" {
  name        = "web"
  description = "Web"

  ingress {
    description = "HTTPS"
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", "172.16.0.0/12"]
  }
}

resource "aws_dynamodb_table" "orders" {
  name                        = "orders"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "OrderID"
  deletion_protection_enabled = true

  attribute {
    name = "OrderID"
    type = "S"
  }

  attribute {
    name = "Customer"
    type = "S"
  }

  global_secondary_index {
    name            = "ByCustomer"
    hash_key        = "Customer"
    projection_type = "ALL"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_cognito_user_pool" "people" {
  name                = "people"
  deletion_protection = "ACTIVE"

  lambda_config {
    pre_sign_up       = "arn:aws:lambda:eu-west-1:123456789012:function:check"
    post_confirmation = "arn:aws:lambda:eu-west-1:123456789012:function:welcome"
  }

  tags = { Team = "after", "a|b" = "`after`" }

  password_policy {
    minimum_length    = 12
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

  schema {
    name                = "office"
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
  evaluation_periods  = 3
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 60
  statistic           = "Sum"
  threshold           = 2.5
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

# ---- policies

resource "aws_iam_role" "reader" {
  name = "reader"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } },
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
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:aws:s3:::reports/2026/*"]
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders"
      },
    ]
  })
}

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_sns_topic" "alarms" {
  name         = "alarms"
  display_name = "Alarms | `$${x}` </details> 日本語"
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
        Principal = { AWS = "arn:aws:iam::123456789012:role/reader" }
        Resource  = "arn:aws:sns:eu-west-1:123456789012:orders"
      },
    ]
  })
}

# its document is read when the plan is applied, since the topic has no ARN before
data "aws_iam_policy_document" "alarms" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# ---- secrets

resource "aws_ssm_parameter" "secret" {
  name  = "/orders/secret"
  type  = "SecureString"
  value = "parameter-after"
}

resource "aws_lambda_function" "greet" {
  function_name    = "greet"
  role             = "arn:aws:iam::123456789012:role/greet"
  handler          = "index.handler"
  runtime          = "python3.13"
  filename         = "${path.module}/../package.zip"
  source_code_hash = "hash-of-the-package-after"

  environment {
    variables = {
      API_KEY = var.api_key
      STAGE   = "prod"
    }
  }
}

# ---- replaced, moved, forgotten; none of it holds data

resource "aws_lambda_alias" "live" {
  name             = "current"
  function_name    = aws_lambda_function.greet.function_name
  function_version = "1"
}

resource "aws_iam_role" "renamed" {
  name = "new-name"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_dynamodb_table" "new_address" {
  name         = "moved"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "ID"

  attribute {
    name = "ID"
    type = "S"
  }
}

moved {
  from = aws_dynamodb_table.old_address
  to   = aws_dynamodb_table.new_address
}

removed {
  from = aws_dynamodb_table.forgotten

  lifecycle {
    destroy = false
  }
}
