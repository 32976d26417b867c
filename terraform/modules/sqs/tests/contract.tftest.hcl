mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.requests
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:prod-requests", url = "https://sqs.eu-west-1.amazonaws.com/000000000000/prod-requests" }
  }

  override_resource {
    target = aws_sqs_queue.refused
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:prod-refused", url = "https://sqs.eu-west-1.amazonaws.com/000000000000/prod-refused" }
  }
}

variables {
  name_prefix = "prod"
}

run "what_cannot_be_done_is_put_aside_for_as_long_as_can_be" {
  assert {
    condition     = [aws_sqs_queue.requests.name, aws_sqs_queue.refused.name] == ["prod-requests", "prod-refused"]
    error_message = "The queues are called something else."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.requests.redrive_policy) == { deadLetterTargetArn = output.refused_queue_arn, maxReceiveCount = 20 }
    error_message = "Requests are not put aside after 20 receives."
  }

  assert {
    condition     = [aws_sqs_queue.requests.message_retention_seconds, aws_sqs_queue.refused.message_retention_seconds] == [4 * 86400, 14 * 86400]
    error_message = "Requests are not kept for 4 days, or what was refused for 14."
  }

  assert {
    condition     = aws_sqs_queue.requests.sqs_managed_sse_enabled && aws_sqs_queue.refused.sqs_managed_sse_enabled
    error_message = "A queue is not encrypted."
  }

  assert {
    condition = alltrue([
      output.refused_queue_arn == "arn:aws:sqs:eu-west-1:000000000000:prod-refused",
      output.refused_queue_url == "https://sqs.eu-west-1.amazonaws.com/000000000000/prod-refused",
      output.request_queue_arn == "arn:aws:sqs:eu-west-1:000000000000:prod-requests",
      output.request_queue_url == "https://sqs.eu-west-1.amazonaws.com/000000000000/prod-requests",
    ])
    error_message = "The outputs are not those of the queues."
  }
}

run "a_key_of_ones_own_and_other_times" {
  variables {
    kms_key_arn                = "arn:aws:kms:eu-west-1:000000000000:key/own"
    maximum_receives           = 3
    visibility_timeout_seconds = 360
  }

  assert {
    condition     = [aws_sqs_queue.requests.kms_master_key_id, aws_sqs_queue.refused.kms_master_key_id] == [var.kms_key_arn, var.kms_key_arn]
    error_message = "A queue is encrypted with another key."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.requests.redrive_policy).maxReceiveCount == 3 && aws_sqs_queue.requests.visibility_timeout_seconds == 360
    error_message = "The times are others."
  }
}
