# Applies the configuration of the deploy role to a made-up AWS, so that every policy can be read.
# Run by tests/deploy_role.py.

mock_provider "aws" {
  override_data {
    target = data.aws_caller_identity.this
    values = { account_id = "000000000000" }
  }

  override_data {
    target = data.aws_partition.this
    values = { partition = "aws" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::000000000000:policy/made-up" }
  }
}

variables {
  aws_region        = "eu-west-1"
  environment       = "prod"
  github_repository = "example/registration"
  name_prefix       = "registration"
  state_bucket      = "registration-tfstate-000000000000-eu-west-1"
  state_key         = "registration/terraform.tfstate"
}

run "as_it_is" {
}

# The longest that there can be.
run "everything" {
  variables {
    branch                = "trunk"
    data_deletion         = true
    existing_user_pool_id = "eu-west-1_existing"
    github_repository     = "example@123/registration@456"
    kms_key_arn           = "arn:aws:kms:eu-west-1:000000000000:key/00000000-0000-0000-0000-000000000000"
    name_prefix           = "a-prefix-of-twenty-four1"
    oidc_provider_arn     = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
    ses_configuration_set = "the-teams-own"
  }
}
