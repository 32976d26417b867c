# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name_prefix = "prod"
}

run "refused" {
  command = plan

  variables {
    kms_key_arn                = "alias/own"
    maximum_receives           = 0
    name_prefix                = "a prefix"
    visibility_timeout_seconds = 0
  }

  expect_failures = [var.kms_key_arn, var.maximum_receives, var.name_prefix, var.visibility_timeout_seconds]
}

run "refused_too" {
  command = plan

  variables {
    maximum_receives           = 1001
    visibility_timeout_seconds = 43201
  }

  expect_failures = [var.maximum_receives, var.visibility_timeout_seconds]
}
