variable "allowed_account_ids" {
  description = "Accounts that this may be applied to; an apply elsewhere is refused. Empty allows any."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.allowed_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "Give allowed_account_ids as account ids of 12 digits, in quotes."
  }
}

variable "aws_region" {
  description = "Region that the stack is deployed to, for example eu-west-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "Give aws_region as the id of a region, for example eu-west-1."
  }
}

variable "branch" {
  description = "The branch whose own runs, such as those on a schedule, may look at the stack."
  type        = string
  default     = "main"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.branch))
    error_message = "Give branch as the name of one branch, without wildcards, for example main."
  }
}

variable "data_deletion" {
  description = "Whether the deploy role may delete what holds data: user pool, tables, topics, queues, signing key. Without it, `make destroy` and what replaces one of them is for an administrator."
  type        = bool
  default     = false
  nullable    = false
}

variable "environment" {
  description = "The GitHub environment whose jobs may deploy, for example prod. Protect it there: required reviewers, and the branch that may be deployed."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.environment))
    error_message = "Give environment as the name of one GitHub environment, without wildcards, for example prod."
  }
}

variable "existing_user_pool_id" {
  description = "Id of the pool that the stack is given as existing_user_pool. Null if it makes its own."
  type        = string
  default     = null

  validation {
    condition     = var.existing_user_pool_id == null || can(regex("^[a-z0-9-]+_[0-9A-Za-z]+$", var.existing_user_pool_id))
    error_message = "Give existing_user_pool_id as the id of a user pool (<region>_<letters and digits>), or leave it null."
  }
}

variable "github_repository" {
  description = "The repository that may plan and deploy, as GitHub writes it into the subject of its tokens: owner/name, or owner@id/name@id where the repository has immutable subject claims (those made or renamed since July 2026 have)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+|[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+)$", var.github_repository))
    error_message = "Give github_repository as owner/name, or as owner@id/name@id where GitHub puts the ids into the subject of the repository's tokens."
  }
}

variable "kms_key_arn" {
  description = "The customer-managed key that the stack is given as kms_key_arn. Null if it has none."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "name_prefix" {
  description = "The stack's name_prefix. What does not begin with it, or is not tagged with it as System, is out of the roles' reach."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name_prefix))
    error_message = "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens, beginning with a letter and not ending in a hyphen."
  }

  validation {
    condition     = !can(regex("^(deploy|look|plan)(-|$)", var.name_prefix))
    error_message = "Give the stack a name_prefix that does not begin with deploy, look or plan: the roles made here do, and would be in its own reach."
  }
}

variable "oidc_provider_arn" {
  description = "The account's identity provider for GitHub, which there can be only one of. Null makes it."
  type        = string
  default     = null

  validation {
    condition     = var.oidc_provider_arn == null || can(regex("^arn:[^:]+:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.oidc_provider_arn))
    error_message = "Give oidc_provider_arn as arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com, or leave it null to have it made."
  }
}

variable "ses_configuration_set" {
  description = "The configuration set that the stack is given in ses_identity. Null if it is given none and makes its own."
  type        = string
  default     = null

  validation {
    condition     = var.ses_configuration_set == null || can(regex("^[A-Za-z0-9_-]{1,64}$", var.ses_configuration_set))
    error_message = "Give ses_configuration_set as the name of a configuration set: 1 to 64 letters, digits, hyphens or underscores; or leave it null."
  }
}

variable "state_bucket" {
  description = "Name of the bucket of the stack's state."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "Give state_bucket as the name of a bucket, not an ARN."
  }
}

variable "state_key" {
  description = "Key of the stack's state in that bucket, as its backend.hcl says."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^*?$]+$", var.state_key)) && var.state_key != ""
    error_message = "Give state_key as in the stack's backend.hcl, without wildcards."
  }
}

variable "tags" {
  description = "Tags for everything that is made, beside ManagedBy and System."
  type        = map(string)
  default     = {}
  nullable    = false
}
