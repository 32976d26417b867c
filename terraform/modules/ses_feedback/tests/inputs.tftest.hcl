# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  function    = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:feedback:live", name = "feedback" }
  name_prefix = "prod"
}

run "refused" {
  command = plan

  variables {
    configuration_set_arn = "theirs"
    kms_key_arn           = "alias/own"
    name_prefix           = "a prefix"
  }

  expect_failures = [var.configuration_set_arn, var.kms_key_arn, var.name_prefix]
}
