# What LocalStack's core can hold of the stack: modules as they are, and a log group and an alarm like the stack's.

variable "name" {
  type = string
}

provider "aws" {
  region = "eu-west-1"
}

module "publisher" {
  source = "./modules/iam"

  name = "${var.name}-publisher"

  statements = [{
    sid       = "SendThroughTheTopic"
    actions   = ["sns:Publish", "sns:Subscribe"]
    resources = [module.topic.topic_arn]
  }]
}

module "topic" {
  source = "./modules/sns"

  name_prefix    = var.name
  publisher_arns = [module.publisher.arn]
}

module "queues" {
  source = "./modules/sqs"

  name_prefix                = var.name
  maximum_receives           = 1
  visibility_timeout_seconds = 1
}

module "signing_key" {
  source = "./modules/signing_key"

  name_prefix          = var.name
  deletion_window_days = 7
  signer_arns          = [module.publisher.arn]
  verifier_arns        = [module.publisher.arn]
}

resource "aws_cloudwatch_log_group" "deliver" {
  name              = "/aws/lambda/${var.name}-deliver"
  retention_in_days = 14
}

resource "aws_cloudwatch_metric_alarm" "filter_policies" {
  alarm_name          = "${var.name}-filter-policies-used-up"
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { service = "deliver" }
  evaluation_periods  = 1
  metric_name         = "FilterPolicyLimitExceeded"
  namespace           = var.name
  period              = 10
  statistic           = "Sum"
  threshold           = 0
  treat_missing_data  = "notBreaching"
}

output "key_arn" {
  value = module.signing_key.key_arn
}

output "publisher_arn" {
  value = module.publisher.arn
}

output "refused_queue_url" {
  value = module.queues.refused_queue_url
}

output "request_queue_url" {
  value = module.queues.request_queue_url
}

output "topic_arn" {
  value = module.topic.topic_arn
}
