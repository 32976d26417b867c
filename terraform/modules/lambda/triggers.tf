# ---------------------------------------------------------------- a DynamoDB stream

# Batches that could not be processed within the retries, as Lambda describes them (which shard,
# which sequence numbers): not the rows themselves.
resource "aws_sqs_queue" "failed" {
  count = var.stream == null ? 0 : 1

  name                      = "${var.name}-failed"
  kms_master_key_id         = var.kms_key_arn
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
}

resource "aws_lambda_event_source_mapping" "stream" {
  count = var.stream == null ? 0 : 1

  event_source_arn                   = var.stream.arn
  function_name                      = aws_lambda_alias.live.arn
  batch_size                         = var.stream.batch_size
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_batching_window_in_seconds = var.stream.batch_window_seconds
  maximum_record_age_in_seconds      = var.stream.maximum_record_age_seconds
  maximum_retry_attempts             = var.stream.maximum_retry_attempts
  parallelization_factor             = var.stream.parallelization_factor
  starting_position                  = "TRIM_HORIZON"

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failed[0].arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(var.stream.filter_patterns) == 0 ? [] : [var.stream.filter_patterns]

    content {
      dynamic "filter" {
        for_each = filter_criteria.value

        content {
          pattern = filter.value
        }
      }
    }
  }
}

# ---------------------------------------------------------------- a queue

# What is not reported as failed is deleted; the rest comes again, until the queue's own redrive policy
# puts it aside.
resource "aws_lambda_event_source_mapping" "queue" {
  count = var.queue == null ? 0 : 1

  event_source_arn                   = var.queue.arn
  function_name                      = aws_lambda_alias.live.arn
  batch_size                         = var.queue.batch_size
  function_response_types            = ["ReportBatchItemFailures"]
  maximum_batching_window_in_seconds = var.queue.batch_window_seconds

  dynamic "scaling_config" {
    for_each = var.queue.maximum_concurrency == null ? [] : [var.queue.maximum_concurrency]

    content {
      maximum_concurrency = scaling_config.value
    }
  }
}

# ---------------------------------------------------------------- a schedule

# A group of its own, so that the role below can be bound to it: no other schedule may use the role.
resource "aws_scheduler_schedule_group" "this" {
  count = var.schedule == null ? 0 : 1

  name = var.name
}

module "schedule_role" {
  source = "../iam"
  count  = var.schedule == null ? 0 : 1

  name                     = "${var.name}-schedule"
  description              = "Lets the schedule of ${var.name} call that function."
  permissions_boundary_arn = var.permissions_boundary_arn
  service                  = "scheduler.amazonaws.com"

  statements = [{
    sid       = "InvokeFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_alias.live.arn]
  }]

  trust = {
    source_account = split(":", aws_scheduler_schedule_group.this[0].arn)[4]
    source_arn     = aws_scheduler_schedule_group.this[0].arn
  }
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:Its input is empty: there is nothing to encrypt.

  count = var.schedule == null ? 0 : 1

  name                = var.name
  description         = "Calls the function ${var.name}."
  group_name          = aws_scheduler_schedule_group.this[0].name
  schedule_expression = var.schedule.expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_alias.live.arn
    role_arn = module.schedule_role[0].arn
    input    = jsonencode({})

    retry_policy {
      maximum_event_age_in_seconds = var.schedule.maximum_event_age_seconds
      maximum_retry_attempts       = var.schedule.maximum_retry_attempts
    }
  }
}

# ---------------------------------------------------------------- asynchronous calls

# Lambda would try any failed call twice more, for up to six hours: its maximum. For a schedule the next
# tick is the retry.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.schedule == null && var.asynchronous == null ? 0 : 1

  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = var.schedule == null ? 21600 : var.schedule.maximum_event_age_seconds
  maximum_retry_attempts       = var.schedule == null ? 2 : 0
  qualifier                    = aws_lambda_alias.live.name

  dynamic "destination_config" {
    for_each = var.asynchronous[*]

    content {
      on_failure {
        destination = destination_config.value.failure_queue_arn
      }
    }
  }
}

moved {
  from = aws_lambda_function_event_invoke_config.schedule
  to   = aws_lambda_function_event_invoke_config.this
}
