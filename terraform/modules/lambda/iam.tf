# What the function may do: what the caller says, and what this module's own parts need.
module "role" {
  source = "../iam"

  name                     = var.name
  description              = "Execution role of the function ${var.name}."
  permissions_boundary_arn = var.permissions_boundary_arn
  statements               = concat(local.log_statements, local.stream_statements, local.queue_statements, local.failure_statements, local.key_statements, var.statements)
}

locals {
  # Not logs:CreateLogGroup: the group is made above, with its retention.
  log_statements = [{
    sid        = "WriteOwnLogs"
    actions    = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources  = ["${aws_cloudwatch_log_group.this.arn}:*"]
    reason     = null
    conditions = []
  }]

  stream_statements = var.stream == null ? [] : [
    {
      sid        = "ReadStream"
      actions    = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources  = [var.stream.arn]
      reason     = null
      conditions = []
    },
    {
      # IAM checks this one against all streams of the table, never against one of them.
      sid        = "ListStreams"
      actions    = ["dynamodb:ListStreams"]
      resources  = ["${split("/stream/", var.stream.arn)[0]}/stream/*"]
      reason     = null
      conditions = []
    },
    {
      sid        = "SendFailedBatches"
      actions    = ["sqs:SendMessage"]
      resources  = aws_sqs_queue.failed[*].arn
      reason     = null
      conditions = []
    },
  ]

  queue_statements = var.queue == null ? [] : [{
    sid        = "ReceiveFromQueue"
    actions    = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources  = [var.queue.arn]
    reason     = null
    conditions = []
  }]

  failure_statements = var.asynchronous == null ? [] : [{
    sid        = "SendFailedCalls"
    actions    = ["sqs:SendMessage"]
    resources  = [var.asynchronous.failure_queue_arn]
    reason     = null
    conditions = []
  }]

  # Lambda reads the stream, writes to the queues of failures and receives from the other queue in the
  # function's name, so with a customer key the function needs the key for them. Its log group does not:
  # CloudWatch Logs uses the key itself.
  key_services = var.kms_key_arn == null ? [] : concat(
    var.stream == null ? [] : ["dynamodb"],
    var.stream == null && var.queue == null && var.asynchronous == null ? [] : ["sqs"],
  )

  key_statements = length(local.key_services) == 0 ? [] : [{
    sid       = "UseKeyForTriggers"
    actions   = var.stream == null && var.asynchronous == null ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
    reason    = null
    conditions = [{
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in local.key_services : "${service}.${split(":", var.kms_key_arn)[3]}.amazonaws.com"]
    }]
  }]
}
