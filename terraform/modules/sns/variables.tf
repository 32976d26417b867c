variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key that encrypts the topic. Null leaves the topic without a key of its own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "name_prefix" {
  description = "Put before the name of the topic; it keeps several environments apart in one account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name_prefix))
    error_message = "Give name_prefix as 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "publisher_arns" {
  description = "ARNs of the roles that may publish and subscribe, as far as their own permissions let them. Everybody else is denied."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.publisher_arns) > 0
    error_message = "Name at least one role in publisher_arns: with none, nobody could publish to the topic."
  }

  validation {
    condition     = alltrue([for arn in var.publisher_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Give publisher_arns as ARNs of IAM roles (arn:aws:iam::<account>:role/<name>)."
  }
}
