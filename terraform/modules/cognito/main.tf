resource "aws_cognito_user_pool" "this" {
  name                     = var.name_prefix
  alias_attributes         = ["email"]
  auto_verified_attributes = ["email"]
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  email_configuration {
    configuration_set     = try(var.email_identity.configuration_set, null)
    email_sending_account = var.email_identity == null ? "COGNITO_DEFAULT" : "DEVELOPER"
    from_email_address    = try(var.email_identity.from_address, null)
    source_arn            = try(var.email_identity.arn, null)
  }

  dynamic "lambda_config" {
    for_each = var.post_confirmation_function == null ? [] : [var.post_confirmation_function.arn]

    content {
      post_confirmation = lambda_config.value
    }
  }

  password_policy {
    minimum_length                   = var.password_minimum_length
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = var.temporary_password_days
  }

  schema {
    name                = "email"
    attribute_data_type = "String"
    mutable             = true
    required            = true

    string_attribute_constraints {
      min_length = 0
      max_length = 2048
    }
  }

  # A new address counts only once its code has been given back; until then the old one stays.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }

  username_configuration {
    case_sensitive = false
  }

  verification_message_template {
    default_email_option = "CONFIRM_WITH_CODE"
  }

  lifecycle {
    # AWS cannot change or remove an attribute of a pool: Terraform would replace the pool, and
    # every user with it. So the schema is used when the pool is made, and never again.
    ignore_changes = [schema]
  }
}

# For browsers and phones: public, hence without a secret, and the password never leaves the device.
resource "aws_cognito_user_pool_client" "app" {
  name                          = "${var.name_prefix}-app"
  user_pool_id                  = aws_cognito_user_pool.this.id
  enable_token_revocation       = true
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  generate_secret               = false
  prevent_user_existence_errors = "ENABLED"

  access_token_validity  = var.token_lifetimes.access_minutes
  id_token_validity      = var.token_lifetimes.id_minutes
  refresh_token_validity = var.token_lifetimes.refresh_days

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

# Without it Cognito cannot call the function, and nobody can confirm.
resource "aws_lambda_permission" "post_confirmation" {
  count = var.post_confirmation_function == null ? 0 : 1

  statement_id  = "AllowUserPool"
  action        = "lambda:InvokeFunction"
  function_name = var.post_confirmation_function.name
  principal     = "cognito-idp.amazonaws.com"
  source_arn    = aws_cognito_user_pool.this.arn
}
