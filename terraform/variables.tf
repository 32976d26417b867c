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
  description = "Region to deploy to, for example eu-west-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "Give aws_region as the id of a region, for example eu-west-1."
  }
}

variable "deletion_protection" {
  description = "Whether the user pool and the tables refuse to be deleted. Switch it off, apply, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "email_delivery" {
  description = "How e-mail goes out: \"sns\" (subscriptions with opt-in, nothing to set up, up to 200 people) or \"ses\" (directly, needs ses_identity)."
  type        = string
  default     = "sns"
  nullable    = false

  validation {
    condition     = contains(["sns", "ses"], var.email_delivery)
    error_message = "Set email_delivery to \"sns\" or \"ses\"."
  }

  validation {
    condition     = var.email_delivery != "ses" || var.ses_identity != null
    error_message = "Give ses_identity the identity that SES is to send from, or set email_delivery to \"sns\"."
  }
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for tables, topic, logs and queue. Its policy must let CloudWatch Logs use it. Null uses the keys of the services."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:${var.aws_region}:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key in aws_region (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "lambda_architecture" {
  description = "Instruction set of the functions: arm64 or x86_64. Build the package for the same."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "Set lambda_architecture to \"arm64\" or \"x86_64\", and build the package for it."
  }
}

variable "lambda_package_path" {
  description = "The functions' package, as `make package` builds it. Relative to this folder."
  type        = string
  default     = "../build/lambda.zip"
  nullable    = false

  validation {
    condition     = fileexists(var.lambda_package_path)
    error_message = "There is no package at lambda_package_path. Build it with `make package`, or correct the path (relative to the terraform folder)."
  }
}

variable "lambda_runtime" {
  description = "Lambda runtime of the functions. Build the package for the same."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1[1-9]$", var.lambda_runtime))
    error_message = "Set lambda_runtime to python3.11 or later, for example python3.13, and build the package for it."
  }
}

variable "log_retention_days" {
  description = "Days for which the functions' logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "Set log_retention_days to a value that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "name_prefix" {
  description = "Put before every name; it keeps several environments apart in one account."
  type        = string
  default     = "registration"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name_prefix))
    error_message = "Give name_prefix as 3 to 24 lower-case letters, digits or hyphens, beginning with a letter and not ending in a hyphen."
  }
}

variable "password_minimum_length" {
  description = "Shortest password. Lower- and upper-case letters, a digit and a symbol are required in any case."
  type        = number
  default     = 12
  nullable    = false

  validation {
    condition     = var.password_minimum_length >= 8 && var.password_minimum_length <= 99
    error_message = "Set password_minimum_length to 8 to 99 (99 is the limit of Cognito)."
  }
}

variable "ses_identity" {
  description = "Verified SES identity for Cognito's own mails and, with email_delivery \"ses\", for notifications. from_address is a bare address. Null leaves Cognito's mails to Cognito, which is limited to 50 a day."
  type = object({
    arn               = string
    from_address      = string
    configuration_set = optional(string)
  })
  default = null

  validation {
    condition     = var.ses_identity == null || can(regex("^arn:[^:]+:ses:${var.aws_region}:[0-9]{12}:identity/.+$", var.ses_identity.arn))
    error_message = "Give ses_identity.arn as the ARN of an SES identity in aws_region (arn:aws:ses:<region>:<account>:identity/<domain or address>)."
  }

  validation {
    condition     = var.ses_identity == null || can(regex("^[^@<>\\s]+@[^@<>\\s]+$", var.ses_identity.from_address))
    error_message = "Give ses_identity.from_address as a bare address, for example no-reply@example.com."
  }
}

variable "tags" {
  description = "Tags for everything that is made, beside ManagedBy and System."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "token_lifetimes" {
  description = "How long tokens are valid: access and identity in minutes, refresh in days."
  type = object({
    access_minutes = optional(number, 60)
    id_minutes     = optional(number, 60)
    refresh_days   = optional(number, 30)
  })
  default  = {}
  nullable = false
}
