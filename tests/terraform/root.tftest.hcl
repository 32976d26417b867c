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
    target = module.tables.aws_dynamodb_table.channel_rates
    values = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rates" }
  }

  override_resource {
    target = module.topic.aws_sns_topic.notifications
    values = { arn = "arn:aws:sns:eu-west-1:000000000000:topic" }
  }

  override_resource {
    target = module.queues.aws_sqs_queue.requests
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:requests" }
  }

  override_resource {
    target = module.queues.aws_sqs_queue.refused
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:refused" }
  }

  override_resource {
    target = module.signing_key.aws_kms_key.this
    values = { arn = "arn:aws:kms:eu-west-1:000000000000:key/signing" }
  }

  override_resource {
    target = module.http_api.aws_apigatewayv2_api.this
    values = { api_endpoint = "https://api.execute-api.eu-west-1.amazonaws.com" }
  }

  override_resource {
    target = module.http_api.aws_apigatewayv2_stage.default
    values = { execution_arn = "arn:aws:execute-api:eu-west-1:000000000000:api/$default" }
  }

  override_resource {
    target = module.http_api.aws_apigatewayv2_authorizer.this
    values = { id = "authorizer" }
  }

  override_resource {
    target = module.http_api.aws_cloudwatch_log_group.access
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:access" }
  }

  override_resource {
    target = module.ses_feedback[0].aws_sesv2_configuration_set.this[0]
    values = { arn = "arn:aws:ses:eu-west-1:000000000000:configuration-set/own" }
  }

  override_resource {
    target = module.ses_feedback[0].aws_sns_topic.events
    values = { arn = "arn:aws:sns:eu-west-1:000000000000:email-events" }
  }

  override_resource {
    target = module.user_pool.aws_cognito_user_pool.this[0]
    values = {
      arn      = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/pool"
      endpoint = "cognito-idp.eu-west-1.amazonaws.com/pool"
    }
  }

  override_resource {
    target = module.user_pool.aws_cognito_user_pool_client.app[0]
    values = { id = "client" }
  }

  override_resource {
    target = module.deliver.aws_sqs_queue.failed
    values = { arn = "arn:aws:sqs:eu-west-1:000000000000:deliver-failed" }
  }

  override_resource {
    target = module.api.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:api" }
  }

  override_resource {
    target = module.api.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:api:live" }
  }

  override_resource {
    target = module.api.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/api" }
  }

  override_resource {
    target = module.broadcast.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:broadcast" }
  }

  override_resource {
    target = module.broadcast.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:broadcast:live" }
  }

  override_resource {
    target = module.broadcast.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/broadcast" }
  }

  override_resource {
    target = module.broadcast.aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/broadcast" }
  }

  override_resource {
    target = module.broadcast.module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/broadcast-schedule" }
  }

  override_resource {
    target = module.deliver.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:deliver" }
  }

  override_resource {
    target = module.deliver.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:deliver:live" }
  }

  override_resource {
    target = module.deliver.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/deliver" }
  }

  override_resource {
    target = module.enqueue.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:enqueue" }
  }

  override_resource {
    target = module.enqueue.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:enqueue:live" }
  }

  override_resource {
    target = module.enqueue.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/enqueue" }
  }

  override_resource {
    target = module.erase.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:erase" }
  }

  override_resource {
    target = module.erase.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:erase:live" }
  }

  override_resource {
    target = module.erase.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/erase" }
  }

  override_resource {
    target = module.erase.aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/erase" }
  }

  override_resource {
    target = module.erase.module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/erase-schedule" }
  }

  override_resource {
    target = module.feedback[0].aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:feedback" }
  }

  override_resource {
    target = module.feedback[0].aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:feedback:live" }
  }

  override_resource {
    target = module.feedback[0].module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/feedback" }
  }

  override_resource {
    target = module.post_confirmation.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:post-confirmation" }
  }

  override_resource {
    target = module.post_confirmation.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:post-confirmation:live" }
  }

  override_resource {
    target = module.post_confirmation.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/post-confirmation" }
  }

  override_resource {
    target = module.reconcile[0].aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:reconcile" }
  }

  override_resource {
    target = module.reconcile[0].aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:reconcile:live" }
  }

  override_resource {
    target = module.reconcile[0].module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/reconcile" }
  }

  override_resource {
    target = module.reconcile[0].aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/reconcile" }
  }

  override_resource {
    target = module.reconcile[0].module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/reconcile-schedule" }
  }

  override_resource {
    target = module.sweep.aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:sweep" }
  }

  override_resource {
    target = module.sweep.aws_lambda_alias.live
    values = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:sweep:live" }
  }

  override_resource {
    target = module.sweep.module.role.aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/sweep" }
  }

  override_resource {
    target = module.sweep.aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/sweep" }
  }

  override_resource {
    target = module.sweep.module.schedule_role[0].aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/sweep-schedule" }
  }

  override_data {
    target = module.user_pool.data.aws_cognito_user_pool.existing[0]
    values = {
      arn                 = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing"
      username_attributes = ["email"]
    }
  }

  override_data {
    target = module.user_pool.data.aws_cognito_user_pool_clients.existing[0]
    values = { client_ids = ["web", "phone", "other"] }
  }

  override_data {
    target = module.user_pool.data.aws_partition.current[0]
    values = { dns_suffix = "amazonaws.com" }
  }

  override_data {
    target = data.aws_sesv2_email_identity.sender
    values = { verified_for_sending_status = true }
  }
}

variables {
  aws_region            = "eu-west-1"
  reconcile_every_hours = 24

  ses_identity = {
    arn          = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
    from_address = "no-reply@example.com"
  }
}

run "sns" {
}

run "ses_and_push" {
  variables {
    api_cors_origins      = ["https://app.example.com"]
    channel_rates         = { Email = 14, SMS = 0.5, Push = 1000 }
    email_delivery        = "ses"
    push_application_arns = { GCM = "arn:aws:sns:eu-west-1:000000000000:app/GCM/shop" }
    catalogue = {
      categories = {
        orders = { name = "Orders", description = "What became of them.", channels = ["Email", "SMS"] }
      }
    }
  }
}

run "ses_and_customer_key" {
  variables {
    email_delivery        = "ses"
    kms_key_arn           = "arn:aws:kms:eu-west-1:000000000000:key/key"
    reconcile_every_hours = null

    permissions_boundary_arn = "arn:aws:iam::000000000000:policy/bounds"
    ses_identity = {
      arn               = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
      from_address      = "no-reply@example.com"
      configuration_set = "notifications"
    }
  }
}

run "sns_and_customer_key" {
  variables {
    kms_key_arn  = "arn:aws:kms:eu-west-1:000000000000:key/key"
    ses_identity = null
  }
}

run "existing_user_pool" {
  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web", "phone"] }
  }

  # as it is before the first make attach-trigger
  expect_failures = [check.existing_user_pool_has_the_trigger]
}

run "an_identity_that_is_not_verified_is_pointed_out" {
  command = plan

  override_data {
    target = module.user_pool.data.aws_cognito_user_pool.existing[0]
    values = {
      arn                 = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing"
      username_attributes = ["email"]
    }
  }

  override_data {
    target = module.user_pool.data.aws_cognito_user_pool_clients.existing[0]
    values = { client_ids = ["web", "phone", "other"] }
  }

  override_data {
    target = module.user_pool.data.aws_partition.current[0]
    values = { dns_suffix = "amazonaws.com" }
  }

  override_data {
    target = data.aws_sesv2_email_identity.sender
    values = { verified_for_sending_status = false }
  }

  expect_failures = [check.ses_identity_is_verified]
}
