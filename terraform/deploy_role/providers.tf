# Where the stack's own state is, under a key of its own: the roles below cannot change what they may do.
terraform {
  backend "s3" {}
}

# An administrator's credentials, from the environment.
provider "aws" {
  region              = var.aws_region
  allowed_account_ids = var.allowed_account_ids

  default_tags {
    tags = merge({ ManagedBy = "Terraform", System = var.name_prefix }, var.tags)
  }
}
