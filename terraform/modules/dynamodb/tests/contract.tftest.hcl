mock_provider "aws" {
  override_resource {
    target = aws_dynamodb_table.users
    values = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/users" }
  }

  override_resource {
    target = aws_dynamodb_table.notifications
    values = {
      arn        = "arn:aws:dynamodb:eu-west-1:000000000000:table/notifications"
      stream_arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/notifications/stream/now"
    }
  }

  override_resource {
    target = aws_dynamodb_table.channel_rates
    values = { arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/rates" }
  }
}

variables {
  name_prefix = "prod"
}

run "three_tables_on_demand_that_are_protected_and_recoverable" {
  assert {
    condition = alltrue([
      for table in [aws_dynamodb_table.users, aws_dynamodb_table.notifications, aws_dynamodb_table.channel_rates] :
      table.billing_mode == "PAY_PER_REQUEST" && table.deletion_protection_enabled &&
      table.point_in_time_recovery[0].enabled && table.server_side_encryption[0].enabled
    ])
    error_message = "A table is not on demand, protected, recoverable or encrypted."
  }

  assert {
    condition = [output.user_table_name, output.notification_table_name, output.channel_rate_table_name] == [
      "prod-UserPreferences", "prod-Notifications", "prod-ChannelRates",
    ]
    error_message = "The tables are called something else."
  }

  assert {
    condition = [aws_dynamodb_table.users.hash_key, aws_dynamodb_table.notifications.hash_key, aws_dynamodb_table.channel_rates.hash_key] == [
      "UserID", "NotificationID", "Channel",
    ]
    error_message = "The tables have other keys."
  }
}

run "notifications_are_found_by_person_and_by_when_they_are_due" {
  assert {
    condition = { for index in aws_dynamodb_table.notifications.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type] } == {
      ByUser = ["UserID", "CreatedAt", "INCLUDE"]
      Due    = ["DueShard", "DueAt", "KEYS_ONLY"]
    }
    error_message = "The indexes are others."
  }

  # what GET /notifications shows and erasing a person asks for; and nothing that a worker changes when it takes a row
  assert {
    condition = one([
      for index in aws_dynamodb_table.notifications.global_secondary_index : toset(index.non_key_attributes) if index.name == "ByUser"
    ]) == toset(["Category", "Data", "Reason", "Results", "State", "Sub"])
    error_message = "The index of a person's history holds something else."
  }

  assert {
    condition     = aws_dynamodb_table.notifications.ttl[0].enabled && aws_dynamodb_table.notifications.ttl[0].attribute_name == "ExpiresAt"
    error_message = "Rows do not lapse."
  }

  assert {
    condition     = aws_dynamodb_table.notifications.stream_enabled && aws_dynamodb_table.notifications.stream_view_type == "NEW_IMAGE"
    error_message = "There is no stream with the new image."
  }

  assert {
    condition = alltrue([
      output.by_user_index_arn == "${output.notification_table_arn}/index/ByUser",
      output.channel_rate_table_arn == "arn:aws:dynamodb:eu-west-1:000000000000:table/rates",
      output.due_index_arn == "${output.notification_table_arn}/index/Due",
      output.notification_stream_arn == "${output.notification_table_arn}/stream/now",
      output.notification_table_arn == "arn:aws:dynamodb:eu-west-1:000000000000:table/notifications",
      output.user_table_arn == "arn:aws:dynamodb:eu-west-1:000000000000:table/users",
    ])
    error_message = "The outputs are not those of the tables."
  }
}

run "a_key_of_ones_own_and_no_protection" {
  variables {
    deletion_protection = false
    kms_key_arn         = "arn:aws:kms:eu-west-1:000000000000:key/own"
  }

  assert {
    condition = alltrue([
      for table in [aws_dynamodb_table.users, aws_dynamodb_table.notifications, aws_dynamodb_table.channel_rates] :
      !table.deletion_protection_enabled && table.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    ])
    error_message = "A table is protected, or encrypted with another key."
  }
}
