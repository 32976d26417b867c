variable "deletion_protection" {
  description = "Whether Cognito refuses to delete the pool. Switch it off, apply, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "email_identity" {
  description = "Verified SES identity that Cognito's own mails are sent from. Null lets Cognito send them itself, which is limited to 50 a day."
  type = object({
    arn               = string
    from_address      = string
    configuration_set = optional(string)
  })
  default = null

  validation {
    condition     = var.email_identity == null || can(regex("^arn:[^:]+:ses:[^:]+:[0-9]{12}:identity/.+$", var.email_identity.arn))
    error_message = "Give email_identity.arn as the ARN of an SES identity (arn:aws:ses:<region>:<account>:identity/<domain or address>)."
  }
}

variable "existing_user_pool" {
  description = "A user pool that there is already: its id, the ids of the app clients that people sign in with, and who issues its tokens, if that is not the original issuer. Nothing of it is changed. Null makes a pool and a client."
  type = object({
    id         = string
    client_ids = list(string)
    issuer     = optional(string)
  })
  default = null

  validation {
    condition     = var.existing_user_pool == null || can(regex("^[a-z0-9-]+_[0-9A-Za-z]+$", var.existing_user_pool.id))
    error_message = "Give existing_user_pool.id as the id of a user pool (<region>_<letters and digits>)."
  }

  validation {
    condition     = try(length(var.existing_user_pool.client_ids) > 0, var.existing_user_pool == null)
    error_message = "Name at least one app client in existing_user_pool.client_ids: with none, nobody could sign in."
  }

  validation {
    condition     = try(var.existing_user_pool.issuer, null) == null || can(regex("^https://[^/]+/.+$", var.existing_user_pool.issuer))
    error_message = "Give existing_user_pool.issuer as the URL in the tokens' claim iss, or leave it out for https://cognito-idp.<region>.amazonaws.com/<id>."
  }
}

variable "name_prefix" {
  description = "Name of the pool, and put before the name of its client."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name_prefix))
    error_message = "Give name_prefix as 1 to 64 letters, digits, hyphens or underscores."
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

variable "post_confirmation_function" {
  description = "Function that Cognito calls when a person has confirmed. arn may be that of an alias, which is then what is called. Null sets no trigger."
  type = object({
    arn  = string
    name = string
  })
  default = null
}

variable "temporary_password_days" {
  description = "Days for which a password given by an administrator is valid."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.temporary_password_days >= 1 && var.temporary_password_days <= 365
    error_message = "Set temporary_password_days to 1 to 365."
  }
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

  validation {
    condition = alltrue([
      for minutes in [var.token_lifetimes.access_minutes, var.token_lifetimes.id_minutes] : minutes >= 5 && minutes <= 1440
    ])
    error_message = "Set token_lifetimes.access_minutes and token_lifetimes.id_minutes to 5 to 1440 (one day)."
  }

  validation {
    condition     = var.token_lifetimes.refresh_days >= 1 && var.token_lifetimes.refresh_days <= 3650
    error_message = "Set token_lifetimes.refresh_days to 1 to 3650."
  }
}
