# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name_prefix = "people"
}

run "refused" {
  command = plan

  variables {
    email_identity          = { arn = "example.com", from_address = "no-reply@example.com" }
    existing_user_pool      = { id = "pool", client_ids = ["web"] }
    name_prefix             = "a pool"
    password_minimum_length = 7
    temporary_password_days = 0
    token_lifetimes         = { id_minutes = 4 }
  }

  expect_failures = [
    var.email_identity,
    var.existing_user_pool,
    var.name_prefix,
    var.password_minimum_length,
    var.temporary_password_days,
    var.token_lifetimes,
  ]
}

run "refused_too" {
  command = plan

  variables {
    existing_user_pool      = { id = "eu-west-1_existing", client_ids = [] }
    password_minimum_length = 100
    temporary_password_days = 366
    token_lifetimes         = { refresh_days = 3651 }
  }

  expect_failures = [
    var.existing_user_pool,
    var.password_minimum_length,
    var.temporary_password_days,
    var.token_lifetimes,
  ]
}

run "refused_as_well" {
  command = plan

  variables {
    existing_user_pool = { id = "eu-west-1_existing", client_ids = ["web"], issuer = "eu-west-1_existing" }
    token_lifetimes    = { access_minutes = 1441 }
  }

  expect_failures = [var.existing_user_pool, var.token_lifetimes]
}
