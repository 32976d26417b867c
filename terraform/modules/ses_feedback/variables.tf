variable "configuration_set_arn" {
  description = "ARN of an SES configuration set that there is already. Null makes one, named like name_prefix."
  type        = string
  default     = null

  validation {
    condition     = var.configuration_set_arn == null || can(regex("^arn:[^:]+:ses:[^:]+:[0-9]{12}:configuration-set/.+$", var.configuration_set_arn))
    error_message = "Give configuration_set_arn as the ARN of an SES configuration set (arn:aws:ses:<region>:<account>:configuration-set/<name>), or leave it null."
  }
}

variable "function" {
  description = "The function that is told of bounces and complaints. arn may be that of an alias, which is then what is called."
  type = object({
    arn  = string
    name = string
  })
  nullable = false
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key that encrypts the topic. Its policy must let SES (ses.amazonaws.com) use it. Null leaves the topic without a key of its own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "name_prefix" {
  description = "Put before the names of the topic and the event destination, and the name of the configuration set; it keeps several environments apart in one account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,50}$", var.name_prefix))
    error_message = "Give name_prefix as 1 to 50 letters, digits, hyphens or underscores."
  }
}
