# What applications ask for. A request is a message.
resource "aws_sqs_queue" "requests" {
  name                       = "${var.name_prefix}-requests"
  kms_master_key_id          = var.kms_key_arn
  message_retention_seconds  = 4 * 24 * 60 * 60
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  visibility_timeout_seconds = var.visibility_timeout_seconds

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.refused.arn
    maxReceiveCount     = var.maximum_receives
  })
}

# What was refused, with the reason: put there by the function, or by SQS when it has given up. It is
# kept for as long as SQS keeps anything, since a person has to look at it.
resource "aws_sqs_queue" "refused" {
  name                      = "${var.name_prefix}-refused"
  kms_master_key_id         = var.kms_key_arn
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
}
