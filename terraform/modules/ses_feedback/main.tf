resource "aws_sesv2_configuration_set" "this" {
  count = var.configuration_set_arn == null ? 1 : 0

  configuration_set_name = var.name_prefix
}

locals {
  configuration_set_arn  = var.configuration_set_arn == null ? aws_sesv2_configuration_set.this[0].arn : var.configuration_set_arn
  configuration_set_name = split(":configuration-set/", local.configuration_set_arn)[1]
}

# What comes of e-mail that was sent. SNS keeps none of it: it hands it on, or drops it.
resource "aws_sns_topic" "events" {
  name              = "${var.name_prefix}-email-events"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "events" {
  arn = aws_sns_topic.events.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyThisConfigurationSet"
      Effect    = "Allow"
      Principal = { Service = "ses.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.events.arn
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = split(":", aws_sns_topic.events.arn)[4]
          "aws:SourceArn"     = local.configuration_set_arn
        }
      }
    }]
  })
}

resource "aws_sesv2_configuration_set_event_destination" "feedback" {
  configuration_set_name = local.configuration_set_name
  event_destination_name = "${var.name_prefix}-feedback"

  event_destination {
    enabled              = true
    matching_event_types = ["BOUNCE", "COMPLAINT"]

    sns_destination {
      topic_arn = aws_sns_topic.events.arn
    }
  }

  # SES tries whether it may publish before it takes the destination.
  depends_on = [aws_sns_topic_policy.events]
}

resource "aws_sns_topic_subscription" "feedback" {
  topic_arn = aws_sns_topic.events.arn
  protocol  = "lambda"
  endpoint  = var.function.arn
}

# Without it SNS cannot call the function, and no bounce is ever heard of. An alias has a policy of its own: what
# the function's says is not for it.
resource "aws_lambda_permission" "feedback" {
  statement_id  = "AllowEmailEvents"
  action        = "lambda:InvokeFunction"
  function_name = var.function.name
  qualifier     = try(split(":", var.function.arn)[7], null)
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.events.arn
}
