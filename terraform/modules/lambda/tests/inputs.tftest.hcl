# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  handler      = "package.module.function"
  name         = "own"
  package_path = "variables.tf"
}

run "refused" {
  command = plan

  variables {
    architecture         = "riscv"
    asynchronous         = { failure_queue_arn = "https://sqs.eu-west-1.amazonaws.com/000000000000/failures" }
    handler              = "function"
    kms_key_arn          = "alias/own"
    log_retention_days   = 31
    memory_mb            = 64
    name                 = "a function"
    package_path         = "none.zip"
    queue                = { arn = "requests" }
    reserved_concurrency = -2
    schedule             = { expression = "every minute" }
    stream               = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests" }
    timeout_seconds      = 901
  }

  expect_failures = [
    var.architecture,
    var.asynchronous,
    var.handler,
    var.kms_key_arn,
    var.log_retention_days,
    var.memory_mb,
    var.name,
    var.package_path,
    var.queue,
    var.reserved_concurrency,
    var.schedule,
    var.stream,
    var.timeout_seconds,
  ]
}

run "a_batch_that_is_too_large_is_refused" {
  command = plan

  variables {
    log_retention_days = 0
    memory_mb          = 10241
    queue              = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests", batch_size = 10001, batch_window_seconds = 1 }
    schedule           = { expression = "rate(1 minute)", maximum_event_age_seconds = 59 }
    stream             = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", batch_size = 10001 }
    timeout_seconds    = 0
  }

  expect_failures = [
    var.log_retention_days,
    var.memory_mb,
    var.queue,
    var.schedule,
    var.stream,
    var.timeout_seconds,
  ]
}

run "a_large_batch_that_is_not_waited_for_is_refused" {
  command = plan

  variables {
    queue    = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests", batch_size = 11 }
    schedule = { expression = "rate(1 minute)", maximum_retry_attempts = 186 }
    stream   = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", batch_window_seconds = 301 }
  }

  expect_failures = [var.queue, var.schedule, var.stream]
}

run "a_window_that_is_too_long_and_a_filter_that_is_no_json_are_refused" {
  command = plan

  variables {
    queue  = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests", batch_window_seconds = 301 }
    stream = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", filter_patterns = ["INSERT"] }
  }

  expect_failures = [var.queue, var.stream]
}

run "a_queue_for_less_than_two_and_a_stream_without_a_bound_in_time_are_refused" {
  command = plan

  variables {
    queue  = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests", maximum_concurrency = 1 }
    stream = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", maximum_record_age_seconds = -1 }
  }

  expect_failures = [var.queue, var.stream]
}

run "a_stream_without_a_bound_of_retries_is_refused" {
  command = plan

  variables {
    stream = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", maximum_retry_attempts = -1 }
  }

  expect_failures = [var.stream]
}

run "a_stream_read_by_too_many_at_once_is_refused" {
  command = plan

  variables {
    stream = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", parallelization_factor = 11 }
  }

  expect_failures = [var.stream]
}
