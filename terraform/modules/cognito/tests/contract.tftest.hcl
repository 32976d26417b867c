mock_provider "aws" {
  override_resource {
    target = aws_cognito_user_pool.this[0]
    values = {
      arn      = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_own"
      endpoint = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_own"
      id       = "eu-west-1_own"
    }
  }

  override_resource {
    target = aws_cognito_user_pool_client.app[0]
    values = { id = "app" }
  }

  override_data {
    target = data.aws_cognito_user_pool.existing[0]
    values = {
      arn               = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing"
      lambda_config     = [{ post_confirmation = "arn:aws:lambda:eu-west-1:000000000000:function:theirs" }]
      schema_attributes = [{ name = "sub", required = true }, { name = "email", required = true }]
    }
  }

  override_data {
    target = data.aws_cognito_user_pool_clients.existing[0]
    values = { client_ids = ["web", "phone", "other"] }
  }

  override_data {
    target = data.aws_partition.current[0]
    values = { dns_suffix = "amazonaws.com" }
  }
}

variables {
  name_prefix = "people"
}

run "a_pool_that_is_protected_and_a_client_without_a_secret" {
  assert {
    condition     = aws_cognito_user_pool.this[0].deletion_protection == "ACTIVE"
    error_message = "The pool is not protected unless that is asked for."
  }

  assert {
    condition = alltrue([
      aws_cognito_user_pool.this[0].alias_attributes == toset(["email"]),
      aws_cognito_user_pool.this[0].auto_verified_attributes == toset(["email"]),
      aws_cognito_user_pool.this[0].user_attribute_update_settings[0].attributes_require_verification_before_update == toset(["email"]),
      !aws_cognito_user_pool.this[0].username_configuration[0].case_sensitive,
      [for attribute in aws_cognito_user_pool.this[0].schema : [attribute.name, attribute.mutable, attribute.required]] == [["email", true, true]],
    ])
    error_message = "An e-mail address may be missing or never change, is not verified, or no alias, or a username is told apart by its case."
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].account_recovery_setting[0].recovery_mechanism == toset([{ name = "verified_email", priority = 1 }])
    error_message = "An account can be recovered by something else than the verified e-mail address."
  }

  assert {
    condition = alltrue([
      !aws_cognito_user_pool_client.app[0].generate_secret,
      aws_cognito_user_pool_client.app[0].prevent_user_existence_errors == "ENABLED",
      aws_cognito_user_pool_client.app[0].explicit_auth_flows == toset(["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]),
    ])
    error_message = "The client has a secret, tells whether a user exists, or takes passwords."
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].email_configuration[0].email_sending_account == "COGNITO_DEFAULT"
    error_message = "Mails do not come from Cognito."
  }

  assert {
    condition     = length(aws_lambda_permission.post_confirmation) == 0 && length(aws_cognito_user_pool.this[0].lambda_config) == 0 && output.post_confirmation_arn == null
    error_message = "There is a trigger, and no function."
  }

  assert {
    condition = alltrue([
      output.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_own",
      output.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_own",
      output.user_pool_client_ids == tolist(["app"]),
      output.user_pool_id == "eu-west-1_own",
    ])
    error_message = "The outputs are not those of the pool."
  }
}

run "this_pool_alone_may_call_the_function" {
  variables {
    post_confirmation_function = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:welcome", name = "welcome" }
  }

  assert {
    condition = alltrue([
      aws_lambda_permission.post_confirmation[0].action == "lambda:InvokeFunction",
      aws_lambda_permission.post_confirmation[0].function_name == "welcome",
      aws_lambda_permission.post_confirmation[0].principal == "cognito-idp.amazonaws.com",
      aws_lambda_permission.post_confirmation[0].qualifier == null,
      aws_lambda_permission.post_confirmation[0].source_arn == output.user_pool_arn,
    ])
    error_message = "The permission is not for this pool and this function."
  }

  assert {
    condition     = output.post_confirmation_arn == var.post_confirmation_function.arn
    error_message = "The pool does not call the function."
  }
}

run "the_permission_is_for_the_alias_that_is_called" {
  variables {
    post_confirmation_function = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:welcome:live", name = "welcome" }
  }

  assert {
    condition     = aws_lambda_permission.post_confirmation[0].qualifier == "live" && output.post_confirmation_arn == var.post_confirmation_function.arn
    error_message = "Something else is called, or may be."
  }
}

run "mails_by_an_ses_identity" {
  variables {
    deletion_protection = false
    email_identity = {
      arn          = "arn:aws:ses:eu-west-1:000000000000:identity/example.com"
      from_address = "no-reply@example.com"
    }
  }

  assert {
    condition = alltrue([
      aws_cognito_user_pool.this[0].email_configuration[0].email_sending_account == "DEVELOPER",
      aws_cognito_user_pool.this[0].email_configuration[0].from_email_address == var.email_identity.from_address,
      aws_cognito_user_pool.this[0].email_configuration[0].source_arn == var.email_identity.arn,
    ])
    error_message = "Mails do not come from the identity."
  }

  assert {
    condition     = aws_cognito_user_pool.this[0].deletion_protection == "INACTIVE"
    error_message = "The pool is protected although it should not be."
  }
}

run "passwords_and_tokens_are_as_is_said" {
  variables {
    password_minimum_length = 17
    temporary_password_days = 2
    token_lifetimes         = { access_minutes = 5, id_minutes = 6, refresh_days = 7 }
  }

  assert {
    condition = alltrue([
      aws_cognito_user_pool.this[0].password_policy[0].minimum_length == 17,
      aws_cognito_user_pool.this[0].password_policy[0].require_lowercase,
      aws_cognito_user_pool.this[0].password_policy[0].require_numbers,
      aws_cognito_user_pool.this[0].password_policy[0].require_symbols,
      aws_cognito_user_pool.this[0].password_policy[0].require_uppercase,
      aws_cognito_user_pool.this[0].password_policy[0].temporary_password_validity_days == 2,
    ])
    error_message = "Weaker passwords are taken, or a temporary one for another time."
  }

  assert {
    condition = alltrue([
      aws_cognito_user_pool_client.app[0].access_token_validity == 5,
      aws_cognito_user_pool_client.app[0].id_token_validity == 6,
      aws_cognito_user_pool_client.app[0].refresh_token_validity == 7,
      aws_cognito_user_pool_client.app[0].token_validity_units[0].access_token == "minutes",
      aws_cognito_user_pool_client.app[0].token_validity_units[0].id_token == "minutes",
      aws_cognito_user_pool_client.app[0].token_validity_units[0].refresh_token == "days",
      aws_cognito_user_pool_client.app[0].enable_token_revocation,
    ])
    error_message = "Tokens are valid for another time, or cannot be revoked."
  }
}

run "an_existing_pool_is_read_and_may_call_the_function" {
  variables {
    existing_user_pool         = { id = "eu-west-1_existing", client_ids = ["web", "phone"] }
    post_confirmation_function = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:welcome", name = "welcome" }
  }

  assert {
    condition     = length(aws_cognito_user_pool.this) == 0 && length(aws_cognito_user_pool_client.app) == 0
    error_message = "There is another pool or client."
  }

  assert {
    condition     = aws_lambda_permission.post_confirmation[0].source_arn == "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing"
    error_message = "The existing pool may not call the function."
  }

  assert {
    condition = alltrue([
      output.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_existing",
      output.post_confirmation_arn == "arn:aws:lambda:eu-west-1:000000000000:function:theirs",
      output.user_pool_arn == "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_existing",
      output.user_pool_client_ids == tolist(["web", "phone"]),
      output.user_pool_id == "eu-west-1_existing",
    ])
    error_message = "The outputs are not those of the existing pool."
  }
}

run "the_issuer_that_is_said_is_the_issuer" {
  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web"], issuer = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_existing" }
  }

  assert {
    condition     = output.issuer == var.existing_user_pool.issuer
    error_message = "Another issuer is told."
  }
}

run "a_pool_in_which_an_email_may_be_missing_is_refused" {
  command = plan

  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web"] }
  }

  override_data {
    target = data.aws_cognito_user_pool.existing[0]
    values = {
      schema_attributes   = [{ name = "email", required = false }, { name = "phone_number", required = true }]
      username_attributes = ["phone_number"]
    }
  }

  expect_failures = [data.aws_cognito_user_pool.existing]
}

run "a_pool_in_which_the_email_is_the_username_is_taken" {
  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web"] }
  }

  override_data {
    target = data.aws_cognito_user_pool.existing[0]
    values = {
      schema_attributes   = [{ name = "email", required = false }]
      username_attributes = ["email"]
    }
  }
}

run "a_client_of_another_pool_is_refused" {
  command = plan

  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web", "elsewhere"] }
  }

  expect_failures = [data.aws_cognito_user_pool_clients.existing]
}
