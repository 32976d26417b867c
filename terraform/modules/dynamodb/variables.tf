variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the tables. Switch it off, apply, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for the tables. Null uses the AWS-managed key alias/aws/dynamodb."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "name_prefix" {
  description = "Put before the names of the tables; it keeps several environments apart in one account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,64}$", var.name_prefix))
    error_message = "Give name_prefix as 1 to 64 letters, digits, dots, hyphens or underscores."
  }
}
