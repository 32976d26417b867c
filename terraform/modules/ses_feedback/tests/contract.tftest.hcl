mock_provider "aws" {
  override_resource {
    target = aws_sesv2_configuration_set.this[0]
    values = { arn = "arn:aws:ses:eu-west-1:000000000000:configuration-set/prod" }
  }

  override_resource {
    target = aws_sns_topic.events
    values = { arn = "arn:aws:sns:eu-west-1:000000000000:prod-email-events" }
  }
}

variables {
  function    = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:feedback:live", name = "feedback" }
  name_prefix = "prod"
}

run "bounces_and_complaints_of_a_configuration_set_reach_the_function" {
  assert {
    condition = alltrue([
      aws_sesv2_configuration_set_event_destination.feedback.configuration_set_name == "prod",
      aws_sesv2_configuration_set_event_destination.feedback.event_destination[0].enabled,
      aws_sesv2_configuration_set_event_destination.feedback.event_destination[0].matching_event_types == toset(["BOUNCE", "COMPLAINT"]),
      aws_sesv2_configuration_set_event_destination.feedback.event_destination[0].sns_destination[0].topic_arn == aws_sns_topic.events.arn,
    ])
    error_message = "Other events, or of another set, or to another topic."
  }

  assert {
    condition = alltrue([
      aws_sns_topic_subscription.feedback.topic_arn == aws_sns_topic.events.arn,
      aws_sns_topic_subscription.feedback.protocol == "lambda",
      aws_sns_topic_subscription.feedback.endpoint == var.function.arn,
      aws_lambda_permission.feedback.function_name == "feedback",
      aws_lambda_permission.feedback.qualifier == "live",
      aws_lambda_permission.feedback.principal == "sns.amazonaws.com",
      aws_lambda_permission.feedback.source_arn == aws_sns_topic.events.arn,
    ])
    error_message = "The topic does not call the function, or not it alone."
  }

  assert {
    condition = jsondecode(aws_sns_topic_policy.events.policy).Statement == [{
      Sid       = "OnlyThisConfigurationSet"
      Effect    = "Allow"
      Principal = { Service = "ses.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.events.arn
      Condition = { StringEquals = { "aws:SourceAccount" = "000000000000", "aws:SourceArn" = output.configuration_set_arn } }
    }]
    error_message = "The topic takes events of others."
  }

  assert {
    condition     = [output.configuration_set_arn, output.configuration_set_name] == ["arn:aws:ses:eu-west-1:000000000000:configuration-set/prod", "prod"]
    error_message = "The outputs are not those of the set that was made."
  }
}

run "a_set_that_there_is_already_gets_a_destination" {
  variables {
    configuration_set_arn = "arn:aws:ses:eu-west-1:000000000000:configuration-set/theirs"
    kms_key_arn           = "arn:aws:kms:eu-west-1:000000000000:key/own"
  }

  assert {
    condition     = length(aws_sesv2_configuration_set.this) == 0 && aws_sesv2_configuration_set_event_destination.feedback.configuration_set_name == "theirs"
    error_message = "Another set is made or listened to."
  }

  assert {
    condition     = [output.configuration_set_arn, output.configuration_set_name] == [var.configuration_set_arn, "theirs"]
    error_message = "The outputs are not those of the set that was given."
  }

  assert {
    condition     = aws_sns_topic.events.kms_master_key_id == var.kms_key_arn
    error_message = "The topic is encrypted with another key."
  }
}
