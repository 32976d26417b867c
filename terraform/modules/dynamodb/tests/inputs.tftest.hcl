# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name_prefix = "prod"
}

run "refused" {
  command = plan

  variables {
    kms_key_arn = "alias/own"
    name_prefix = "a prefix"
  }

  expect_failures = [var.kms_key_arn, var.name_prefix]
}
