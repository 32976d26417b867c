# The settings are in environments/<environment>/backend.hcl; the bucket is given with them.
terraform {
  backend "s3" {}
}

# Credentials come from the environment. So does the local endpoint (AWS_ENDPOINT_URL).
provider "aws" {
  region              = var.aws_region
  allowed_account_ids = var.allowed_account_ids

  default_tags {
    tags = merge({ ManagedBy = "Terraform", System = var.name_prefix }, var.tags)
  }
}
