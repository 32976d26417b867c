resource "aws_cognito_user_pool" "this" {
  count = var.existing_user_pool == null ? 1 : 0

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
  count = var.existing_user_pool == null ? 1 : 0

  name                          = "${var.name_prefix}-app"
  user_pool_id                  = aws_cognito_user_pool.this[0].id
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

# A pool that there is already is read, and never changed.
data "aws_cognito_user_pool" "existing" {
  count = var.existing_user_pool == null ? 0 : 1

  user_pool_id = var.existing_user_pool.id

  lifecycle {
    postcondition {
      condition     = contains(self.username_attributes, "email") || anytrue([for attribute in self.schema_attributes : attribute.required if attribute.name == "email"])
      error_message = "Use a pool that everybody gives an e-mail address to, as a required attribute or as their username: in ${var.existing_user_pool.id} it may be missing, and this can no longer be changed there."
    }
  }
}

# Not the clients themselves: their secrets would be in the state.
data "aws_cognito_user_pool_clients" "existing" {
  count = var.existing_user_pool == null ? 0 : 1

  user_pool_id = var.existing_user_pool.id

  lifecycle {
    postcondition {
      condition     = length(setsubtract(var.existing_user_pool.client_ids, self.client_ids)) == 0
      error_message = "Give existing_user_pool.client_ids as app clients of the pool ${var.existing_user_pool.id}: it has no ${join(", ", setsubtract(var.existing_user_pool.client_ids, self.client_ids))}."
    }
  }
}

data "aws_partition" "current" {
  count = var.existing_user_pool == null ? 0 : 1
}

locals {
  # The original issuer: "IssuerConfigurationType" of the API reference.
  user_pool = var.existing_user_pool == null ? {
    arn               = aws_cognito_user_pool.this[0].arn
    client_ids        = tolist([aws_cognito_user_pool_client.app[0].id])
    id                = aws_cognito_user_pool.this[0].id
    issuer            = "https://${aws_cognito_user_pool.this[0].endpoint}"
    post_confirmation = one(aws_cognito_user_pool.this[0].lambda_config[*].post_confirmation)
    } : {
    arn               = data.aws_cognito_user_pool.existing[0].arn
    client_ids        = var.existing_user_pool.client_ids
    id                = var.existing_user_pool.id
    issuer            = coalesce(var.existing_user_pool.issuer, "https://cognito-idp.${split("_", var.existing_user_pool.id)[0]}.${data.aws_partition.current[0].dns_suffix}/${var.existing_user_pool.id}")
    post_confirmation = one(data.aws_cognito_user_pool.existing[0].lambda_config[*].post_confirmation)
  }
}

# Without it Cognito cannot call the function, and nobody can confirm. An alias has a policy of its own: what the
# function's says is not for it.
resource "aws_lambda_permission" "post_confirmation" {
  count = var.post_confirmation_function == null ? 0 : 1

  statement_id  = "AllowUserPool"
  action        = "lambda:InvokeFunction"
  function_name = var.post_confirmation_function.name
  qualifier     = try(split(":", var.post_confirmation_function.arn)[7], null)
  principal     = "cognito-idp.amazonaws.com"
  source_arn    = local.user_pool.arn
}

moved {
  from = aws_cognito_user_pool.this
  to   = aws_cognito_user_pool.this[0]
}

moved {
  from = aws_cognito_user_pool_client.app
  to   = aws_cognito_user_pool_client.app[0]
}
