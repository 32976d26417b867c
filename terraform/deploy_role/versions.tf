terraform {
  # 1.10 brought the lock file of the S3 backend (use_lockfile), which environments/*/backend.hcl sets.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
