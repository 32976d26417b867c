# Applies the root module to a made-up AWS, so that everything can be read with every ARN in it.
# Run by test_root.py, which compares it with what is meant.

mock_provider "aws" {
  override_resource {
    target = module.tables.aws_dynamodb_table.users
    values = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/users" }
  }

  override_resource {
    target = module.tables.aws_dynamodb_table.notifications
    values = {
      arn        = "arn:aws:dynamodb:eu-west-1:000000000000:table/notifications"
      stream_arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/notifications/stream/now"
    }
  }

  override_resource {
    target = module.topic.aws_sns_topic.notifications
    values = { arn = "arn:aws:sns:eu-west-1:000000000000:topic" }
  }

  override_resource {
    target = module.deliver.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:deliver" }
  }

  override_resource {
    target = module.deliver.aws_sqs_queue.failed
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:deliver-failed" }
  }

  override_resource {
    target = module.deliver.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/deliver" }
  }

  override_resource {
    target = module.post_confirmation.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:post-confirmation" }
  }

  override_resource {
    target = module.post_confirmation.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:post-confirmation" }
  }

  override_resource {
    target = module.post_confirmation.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/post-confirmation" }
  }

  override_resource {
    target = module.sweep.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:sweep" }
  }

  override_resource {
    target = module.sweep.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:sweep" }
  }

  override_resource {
    target = module.sweep.aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/sweep" }
  }

  override_resource {
    target = module.sweep.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/sweep" }
  }

  override_resource {
    target = module.sweep.module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/sweep-schedule" }
  }

  override_resource {
    target = module.user_pool.aws_cognito_user_pool.this
    values = { arn = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/pool" }
  }

  override_data {
    target = data.aws_sesv2_email_identity.sender
    values = { verified_for_sending_status = true }
  }
}

variables {
  aws_region = "eu-west-1"
}

run "sns" {
}

run "ses_and_customer_key" {
  variables {
    email_delivery = "ses"
    kms_key_arn    = "arn:aws:kms:eu-west-1:000000000000:key/key"
    ses_identity = {
      arn               = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
      from_address      = "no-reply@example.com"
      configuration_set = "notifications"
    }
  }
}

run "sns_and_customer_key" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/key"
  }
}

run "an_identity_that_is_not_verified_is_pointed_out" {
  command = plan

  variables {
    ses_identity = {
      arn          = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
      from_address = "no-reply@example.com"
    }
  }

  override_data {
    target = data.aws_sesv2_email_identity.sender
    values = { verified_for_sending_status = false }
  }

  expect_failures = [check.ses_identity_is_verified]
}
