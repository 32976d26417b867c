# One row per person. What is kept is decided by the functions; the table knows only the key.
resource "aws_dynamodb_table" "users" {
  name                        = "${var.name_prefix}-UserPreferences"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  hash_key                    = "UserID"

  attribute {
    name = "UserID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}

# One row per thing to be sent: outbox and delivery log in one.
resource "aws_dynamodb_table" "notifications" {
  name                        = "${var.name_prefix}-Notifications"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  hash_key                    = "NotificationID"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"

  attribute {
    name = "NotificationID"
    type = "S"
  }

  attribute {
    name = "UserID"
    type = "S"
  }

  attribute {
    name = "CreatedAt"
    type = "S"
  }

  attribute {
    name = "DueShard"
    type = "S"
  }

  attribute {
    name = "DueAt"
    type = "N"
  }

  # A person's history, newest or oldest first. It holds what the history shows and no more: each attribute
  # that changes here is a write to the index, too.
  global_secondary_index {
    name               = "ByUser"
    hash_key           = "UserID"
    range_key          = "CreatedAt"
    projection_type    = "INCLUDE"
    non_key_attributes = ["Category", "Data", "Reason", "Results", "State", "Sub"]
  }

  # Sparse: only rows that still wait carry DueShard and DueAt, so only they are in it.
  global_secondary_index {
    name            = "Due"
    hash_key        = "DueShard"
    range_key       = "DueAt"
    projection_type = "KEYS_ONLY"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  ttl {
    attribute_name = "ExpiresAt"
    enabled        = true
  }
}

# One row per channel: when it is free again. It keeps all senders together below the channel's rate.
resource "aws_dynamodb_table" "channel_rates" {
  name                        = "${var.name_prefix}-ChannelRates"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = var.deletion_protection
  hash_key                    = "Channel"

  attribute {
    name = "Channel"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
}
