# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name_prefix   = "prod"
  signer_arns   = ["arn:aws:iam::000000000000:role/deliver"]
  verifier_arns = ["arn:aws:iam::000000000000:role/api"]
}

run "refused" {
  command = plan

  variables {
    deletion_window_days = 6
    signer_arns          = []
    verifier_arns        = ["arn:aws:iam::000000000000:user/somebody"]
  }

  expect_failures = [var.deletion_window_days, var.signer_arns, var.verifier_arns]
}

run "refused_too" {
  command = plan

  variables {
    deletion_window_days = 31
    signer_arns          = ["*"]
    verifier_arns        = []
  }

  expect_failures = [var.deletion_window_days, var.signer_arns, var.verifier_arns]
}
