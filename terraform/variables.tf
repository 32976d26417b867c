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

variable "api_cors_origins" {
  description = "Origins of the web applications that call the HTTP API from a browser, for example https://app.example.com. Empty switches CORS off."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.api_cors_origins : can(regex("^(https://[a-z0-9.-]+|http://(localhost|127\\.0\\.0\\.1))(:[0-9]{1,5})?$", origin))])
    error_message = "Give api_cors_origins as origins in full, scheme and host and nothing behind (https://app.example.com; http only for localhost). \"*\" is refused: name the sites that your applications are on."
  }
}

variable "api_throttle" {
  description = "How many requests a second the HTTP API answers, for all callers together, and how many at one moment. More are answered with 429."
  type = object({
    rate  = optional(number, 50)
    burst = optional(number, 100)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.api_throttle.rate > 0 && var.api_throttle.burst >= 1 && floor(var.api_throttle.burst) == var.api_throttle.burst
    error_message = "Set api_throttle.rate above 0 and api_throttle.burst to a whole number of at least 1: with less, nobody could call."
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

variable "catalogue" {
  description = "The categories of notifications by key, and the folder of their templates (relative to this one). channels are those that a person has who said nothing; with none, their general preference. A critical category cannot be switched off. There is always the category account."
  type = object({
    templates = optional(string)
    categories = optional(map(object({
      name           = string
      description    = string
      channels       = optional(list(string), [])
      critical       = optional(bool, false)
      good_for_hours = optional(number, 72)
    })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.catalogue.categories) : can(regex("^[a-z][a-z0-9_]{0,31}$", key))])
    error_message = "Give each key of catalogue.categories as 1 to 32 lower-case letters, digits or underscores, beginning with a letter."
  }

  validation {
    condition     = length(setintersection(keys(var.catalogue.categories), ["account", "welcome"])) == 0
    error_message = "Give the categories \"account\" and \"welcome\" of catalogue.categories other keys: the system has a category and a template of these names itself."
  }

  validation {
    condition     = alltrue([for category in values(var.catalogue.categories) : try(trimspace(category.name) != "" && trimspace(category.description) != "", false)])
    error_message = "Give each of catalogue.categories a name and a description: people choose by them."
  }

  validation {
    condition     = alltrue([for category in values(var.catalogue.categories) : try(length(setsubtract(category.channels, ["Email", "SMS", "Push"])) == 0 && length(distinct(category.channels)) == length(category.channels), false)])
    error_message = "Choose the channels of each of catalogue.categories from \"Email\", \"SMS\" and \"Push\", each once."
  }

  validation {
    condition     = alltrue([for category in values(var.catalogue.categories) : try(category.good_for_hours >= 1 && category.good_for_hours <= 2160 && floor(category.good_for_hours) == category.good_for_hours, false)])
    error_message = "Set good_for_hours of each of catalogue.categories to a whole number from 1 to 2160 (90 days)."
  }

  validation {
    # Lambda counts the environment as JSON, in which this JSON is a text: hence twice. In bytes: four characters
    # of Base64 are three. The category that is always there takes 139.
    condition     = length(base64encode(jsonencode(jsonencode(var.catalogue.categories)))) * 3 / 4 <= 3000 - 139
    error_message = "Shorten the descriptions of catalogue.categories, or have fewer categories: as Lambda counts it, each quote as two bytes, they may take 2861 bytes of the 4096 that a function's environment may have."
  }

  validation {
    condition     = var.catalogue.templates == null || try(length(fileset(var.catalogue.templates, "**/*.{txt,html}")) > 0, false)
    error_message = "There are no templates in the folder that catalogue.templates names. Correct the path (relative to the terraform folder), or leave it out."
  }
}

variable "channel_rates" {
  description = "How many messages a second may go out by each channel, all functions together: at most what AWS has granted the account for SES and SMS. A fraction is one in so many seconds."
  type        = map(number)
  default     = { Email = 10, SMS = 10, Push = 100 }
  nullable    = false

  validation {
    condition     = length(setsubtract(["Email", "SMS", "Push"], keys(var.channel_rates))) == 0 && length(var.channel_rates) == 3
    error_message = "Give channel_rates a rate for each of \"Email\", \"SMS\" and \"Push\", and for nothing else."
  }

  validation {
    condition     = alltrue([for rate in values(var.channel_rates) : try(rate > 0 && rate <= 1000, false)])
    error_message = "Set each of channel_rates above 0 and to at most 1000 a second."
  }
}

variable "deletion_protection" {
  description = "Whether the user pool and the tables refuse to be deleted, and a deleted signing key can be had back for 30 days instead of 7. Switch it off, apply, then destroy."
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

variable "existing_user_pool" {
  description = "A user pool that there is already, instead of one of its own: its id, the ids of the app clients that people sign in with, and who issues its tokens, if that is not the original issuer. Everybody must have an e-mail address in it. Nothing of it is changed but the trigger, by make attach-trigger. Null makes a pool and a client. To change it later is to leave the former pool: an own one is destroyed with all its users, once deletion_protection allows that; from another detach the trigger first (make detach-trigger)."
  type = object({
    id         = string
    client_ids = list(string)
    issuer     = optional(string)
  })
  default = null

  validation {
    condition     = var.existing_user_pool == null || can(regex("^${var.aws_region}_[0-9A-Za-z]+$", var.existing_user_pool.id))
    error_message = "Give existing_user_pool.id as the id of a user pool in aws_region (<region>_<letters and digits>)."
  }

  validation {
    condition     = try(length(var.existing_user_pool.client_ids) > 0 && alltrue([for id in var.existing_user_pool.client_ids : can(regex("^[A-Za-z0-9_+]{1,128}$", id))]), var.existing_user_pool == null)
    error_message = "Give existing_user_pool.client_ids as the ids of at least one app client: letters and digits, not the client's name."
  }

  validation {
    condition     = try(var.existing_user_pool.issuer, null) == null || can(regex("^https://[^/]+/.+$", var.existing_user_pool.issuer))
    error_message = "Give existing_user_pool.issuer as the URL in the tokens' claim iss, or leave it out for https://cognito-idp.<region>.amazonaws.com/<id>."
  }
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for tables, topics, logs and queues. Its policy must let CloudWatch Logs use it and, with email_delivery \"ses\", SES; applications that ask for notifications need it too. Null uses the keys of the services."
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

variable "permissions_boundary_arn" {
  description = "ARN of a managed policy that bounds what the roles of the functions and schedules may ever do. A deploy role of deploy_role/ makes no role without it. Null sets none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "Give permissions_boundary_arn as the ARN of a managed policy (arn:aws:iam::<account>:policy/<name>), or leave it null."
  }
}

variable "push_application_arns" {
  description = "ARNs of the SNS platform applications that push goes out by, by platform, for example GCM or APNS. Empty leaves out push."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for platform, arn in var.push_application_arns : can(regex("^arn:[^:]+:sns:${var.aws_region}:[0-9]{12}:app/${platform}/[^/]+$", arn))])
    error_message = "Give push_application_arns as platform and ARN of an SNS platform application of that platform in aws_region, for example GCM = \"arn:aws:sns:<region>:<account>:app/GCM/<name>\"."
  }

  validation {
    condition     = length(jsonencode(jsonencode(var.push_application_arns))) <= 500
    error_message = "Have fewer push_application_arns, or give the applications shorter names: as Lambda counts it, each quote as two bytes, they may take 500 bytes of a function's environment."
  }
}

variable "reconcile_every_hours" {
  description = "Hours from the end of one reconciliation to the beginning of the next, which registers and welcomes users of the pool whom the trigger has missed, and those whom an administrator made or who were imported; of an existing_user_pool, everybody. Null makes no such function."
  type        = number
  default     = null

  validation {
    condition     = var.reconcile_every_hours == null || try(var.reconcile_every_hours >= 1 && var.reconcile_every_hours <= 720 && floor(var.reconcile_every_hours) == var.reconcile_every_hours, false)
    error_message = "Set reconcile_every_hours to a whole number from 1 to 720 (30 days), or leave it null."
  }
}

variable "ses_identity" {
  description = "Verified SES identity for Cognito's own mails and, with email_delivery \"ses\", for notifications. from_address is a bare address. With configuration_set, bounces are heard of by that one; else one is made. Null leaves Cognito's mails to Cognito, which is limited to 50 a day."
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

  validation {
    # "Creating and verifying identities in Amazon SES": an address is for itself alone, a domain for those below
    # it too. What is no ARN or no address is said above.
    condition = var.ses_identity == null || try(
      contains(
        [lower(var.ses_identity.from_address), lower(split("@", var.ses_identity.from_address)[1])],
        lower(split(":identity/", var.ses_identity.arn)[1]),
      ) || endswith(lower(split("@", var.ses_identity.from_address)[1]), lower(".${split(":identity/", var.ses_identity.arn)[1]}")),
      true,
    )
    error_message = "Give ses_identity.from_address as an address that ses_identity.arn may send from: the address itself, or one of the domain or of a domain below it."
  }

  validation {
    condition     = try(var.ses_identity.configuration_set, null) == null || can(regex("^[A-Za-z0-9_-]{1,64}$", var.ses_identity.configuration_set))
    error_message = "Give ses_identity.configuration_set as the name of a configuration set: 1 to 64 letters, digits, hyphens or underscores; or leave it out, and one is made."
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
