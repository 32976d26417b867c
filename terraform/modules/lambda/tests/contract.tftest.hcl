mock_provider "aws" {
  override_resource {
    target = aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/own" }
  }

  override_resource {
    target = aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:own:live" }
  }

  override_resource {
    target = aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:own", version = "7" }
  }

  override_resource {
    target = aws_scheduler_schedule_group.this[0]
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/own" }
  }

  override_resource {
    target = aws_sqs_queue.failed[0]
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:own-failed", url = "https://sqs.eu-west-1.amazonaws.com/000000000000/own-failed" }
  }

  override_resource {
    target = module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/own" }
  }

  override_resource {
    target = module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/own-schedule" }
  }
}

variables {
  handler = "package.module.function"
  name    = "own"
  # any file will do: it is not uploaded
  package_path = "main.tf"
}

run "a_function_with_its_role_and_its_log_and_no_trigger" {
  assert {
    condition = alltrue([
      aws_lambda_function.this.function_name == "own",
      aws_lambda_function.this.architectures == tolist(["arm64"]),
      aws_lambda_function.this.memory_size == 256,
      aws_lambda_function.this.reserved_concurrent_executions == -1,
      aws_lambda_function.this.role == output.role_arn,
      aws_lambda_function.this.runtime == "python3.13",
      aws_lambda_function.this.source_code_hash == filebase64sha256("main.tf"),
      aws_lambda_function.this.timeout == 30,
    ])
    error_message = "The function is another one."
  }

  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_alias.live.function_version == "7" && length(aws_lambda_function.this.environment) == 0
    error_message = "The alias is not of the version that was published, or each apply would publish one."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_log_group.this.name == "/aws/lambda/own",
      aws_cloudwatch_log_group.this.retention_in_days == 30,
      aws_lambda_function.this.logging_config[0].log_format == "JSON",
      aws_lambda_function.this.logging_config[0].log_group == output.log_group_name,
    ])
    error_message = "It logs elsewhere, or for another time."
  }

  assert {
    condition     = [length(aws_lambda_event_source_mapping.stream), length(aws_lambda_event_source_mapping.queue), length(aws_scheduler_schedule.this), length(aws_sqs_queue.failed), length(aws_lambda_function_event_invoke_config.this)] == [0, 0, 0, 0, 0]
    error_message = "There is a trigger that nobody asked for."
  }

  assert {
    condition = alltrue([
      output.alias_name == "live",
      output.arn == "arn:aws:lambda:eu-west-1:000000000000:function:own:live",
      output.failure_queue_arn == null,
      output.failure_queue_url == null,
      output.name == "own",
      output.role_arn == "arn:aws:iam::000000000000:role/own",
      output.role_name == "own",
    ])
    error_message = "The outputs are not those of the function."
  }
}

run "a_stream_whose_bad_records_are_put_aside" {
  variables {
    stream = {
      arn             = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now"
      filter_patterns = ["{\"eventName\":[\"INSERT\"]}"]
    }
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.stream[0].function_name == output.arn,
      aws_lambda_event_source_mapping.stream[0].event_source_arn == var.stream.arn,
      aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error,
      aws_lambda_event_source_mapping.stream[0].function_response_types == toset(["ReportBatchItemFailures"]),
      aws_lambda_event_source_mapping.stream[0].maximum_record_age_in_seconds == 3600,
      aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts == 3,
      aws_lambda_event_source_mapping.stream[0].starting_position == "TRIM_HORIZON",
      aws_lambda_event_source_mapping.stream[0].destination_config[0].on_failure[0].destination_arn == output.failure_queue_arn,
      one(one(aws_lambda_event_source_mapping.stream[0].filter_criteria).filter).pattern == var.stream.filter_patterns[0],
    ])
    error_message = "A bad record could block the stream, or be lost."
  }

  assert {
    condition     = [aws_sqs_queue.failed[0].name, aws_sqs_queue.failed[0].message_retention_seconds, aws_sqs_queue.failed[0].sqs_managed_sse_enabled] == ["own-failed", 14 * 86400, true]
    error_message = "What failed is not kept for 14 days, or not encrypted."
  }

  assert {
    condition     = [output.failure_queue_arn, output.failure_queue_url] == ["arn:aws:sqs:eu-west-1:000000000000:own-failed", "https://sqs.eu-west-1.amazonaws.com/000000000000/own-failed"]
    error_message = "The outputs are not those of the queue."
  }
}

run "a_queue_of_which_no_more_are_taken_than_is_said" {
  variables {
    queue = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests", batch_size = 20, batch_window_seconds = 3, maximum_concurrency = 2 }
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.queue[0].function_name == output.arn,
      aws_lambda_event_source_mapping.queue[0].event_source_arn == var.queue.arn,
      aws_lambda_event_source_mapping.queue[0].function_response_types == toset(["ReportBatchItemFailures"]),
      aws_lambda_event_source_mapping.queue[0].batch_size == 20,
      aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 3,
      aws_lambda_event_source_mapping.queue[0].scaling_config[0].maximum_concurrency == 2,
    ])
    error_message = "The queue is received from in another way."
  }
}

run "a_schedule_that_only_this_function_has" {
  variables {
    schedule = { expression = "rate(5 minutes)" }
  }

  assert {
    condition = alltrue([
      aws_scheduler_schedule.this[0].schedule_expression == "rate(5 minutes)",
      aws_scheduler_schedule.this[0].group_name == "own",
      aws_scheduler_schedule.this[0].target[0].arn == output.arn,
      aws_scheduler_schedule.this[0].target[0].role_arn == "arn:aws:iam::000000000000:role/own-schedule",
      aws_scheduler_schedule.this[0].target[0].retry_policy[0].maximum_event_age_in_seconds == 60,
      aws_scheduler_schedule.this[0].target[0].retry_policy[0].maximum_retry_attempts == 2,
    ])
    error_message = "The schedule calls something else, or as somebody else."
  }

  # the next tick is the retry
  assert {
    condition     = [aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts, aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds] == [0, 60]
    error_message = "Lambda repeats a call of the schedule."
  }
}

run "calls_that_fail_for_good_are_kept" {
  variables {
    asynchronous = { failure_queue_arn = "arn:aws:sqs:eu-west-1:000000000000:failures" }
  }

  assert {
    condition = alltrue([
      aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination == var.asynchronous.failure_queue_arn,
      aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds == 21600,
      aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts == 2,
    ])
    error_message = "A call that failed is lost, or given up too soon."
  }
}

run "all_that_can_be_said" {
  variables {
    architecture             = "x86_64"
    environment              = { TABLE = "rows" }
    kms_key_arn              = "arn:aws:kms:eu-west-1:000000000000:key/own"
    log_retention_days       = 1
    memory_mb                = 512
    permissions_boundary_arn = "arn:aws:iam::000000000000:policy/boundary"
    reserved_concurrency     = 5
    timeout_seconds          = 5
    schedule                 = { expression = "rate(1 minute)" }
    stream                   = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rows/stream/now", batch_size = 20, batch_window_seconds = 3, parallelization_factor = 4 }
  }

  assert {
    condition = alltrue([
      aws_lambda_function.this.architectures == tolist(["x86_64"]),
      aws_lambda_function.this.environment[0].variables == tomap({ TABLE = "rows" }),
      aws_lambda_function.this.memory_size == 512,
      aws_lambda_function.this.reserved_concurrent_executions == 5,
      aws_lambda_function.this.timeout == 5,
    ])
    error_message = "The function is not as was said."
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.stream[0].batch_size == 20,
      aws_lambda_event_source_mapping.stream[0].maximum_batching_window_in_seconds == 3,
      aws_lambda_event_source_mapping.stream[0].parallelization_factor == 4,
    ])
    error_message = "The stream is read in other pieces."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn,
      aws_cloudwatch_log_group.this.retention_in_days == 1,
      aws_sqs_queue.failed[0].kms_master_key_id == var.kms_key_arn,
    ])
    error_message = "Something is encrypted with another key."
  }
}
