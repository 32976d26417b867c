variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for both queues; whoever sends needs kms:GenerateDataKey and kms:Decrypt on it. Null uses the key of SQS."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "maximum_receives" {
  description = "How often a request may be received before SQS puts it aside."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.maximum_receives >= 1 && var.maximum_receives <= 1000
    error_message = "Set maximum_receives to 1 to 1000."
  }
}

variable "name_prefix" {
  description = "Put before the names of both queues; it keeps several environments apart in one account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name_prefix))
    error_message = "Give name_prefix as 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "visibility_timeout_seconds" {
  description = "For how long a request is hidden from others once it is received: six times the time-out of the function that receives."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition     = var.visibility_timeout_seconds >= 1 && var.visibility_timeout_seconds <= 43200
    error_message = "Set visibility_timeout_seconds to 1 to 43200 (twelve hours)."
  }
}
