# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name_prefix    = "prod"
  publisher_arns = ["arn:aws:iam::000000000000:role/deliver", "arn:aws:iam::000000000000:role/sweep"]
}

run "refused" {
  command = plan

  variables {
    kms_key_arn    = "alias/own"
    name_prefix    = "a prefix"
    publisher_arns = []
  }

  expect_failures = [var.kms_key_arn, var.name_prefix, var.publisher_arns]
}

run "a_publisher_that_is_no_role_is_refused" {
  command = plan

  variables {
    publisher_arns = ["arn:aws:iam::000000000000:user/somebody"]
  }

  expect_failures = [var.publisher_arns]
}
