mock_provider "aws" {
  override_resource {
    target = aws_sns_topic.notifications
    values = { arn = "arn:aws:sns:eu-west-1:000000000000:prod-notifications" }
  }
}

variables {
  name_prefix    = "prod"
  publisher_arns = ["arn:aws:iam::000000000000:role/deliver", "arn:aws:iam::000000000000:role/sweep"]
}

run "everybody_but_the_publishers_is_shut_out" {
  assert {
    condition = jsondecode(aws_sns_topic_policy.notifications.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "OnlyThePublishers"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["sns:Publish", "sns:Subscribe"]
        Resource  = output.topic_arn
        Condition = { ArnNotEquals = {
          "aws:PrincipalArn" = ["arn:aws:iam::000000000000:role/deliver", "arn:aws:iam::000000000000:role/sweep"]
        } }
      }]
    }
    error_message = "The topic's policy says something else."
  }

  assert {
    condition     = [output.topic_arn, output.topic_name] == ["arn:aws:sns:eu-west-1:000000000000:prod-notifications", "prod-notifications"]
    error_message = "The outputs are not those of the topic."
  }

  assert {
    condition     = aws_sns_topic.notifications.kms_master_key_id == null
    error_message = "The topic has a key, and none was given."
  }
}

run "a_key_of_ones_own" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/own"
  }

  assert {
    condition     = aws_sns_topic.notifications.kms_master_key_id == var.kms_key_arn
    error_message = "The topic is encrypted with another key."
  }
}
