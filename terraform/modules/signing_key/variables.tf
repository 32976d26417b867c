variable "deletion_window_days" {
  description = "Days for which a deleted key can still be had back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "Set deletion_window_days to 7 to 30 (the limits of KMS)."
  }
}

variable "name_prefix" {
  description = "Whose key it is, as its description says."
  type        = string
  nullable    = false
}

variable "signer_arns" {
  description = "ARNs of the roles that may sign, as far as their own permissions let them."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.signer_arns) > 0 && alltrue([for arn in var.signer_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Give signer_arns as ARNs of IAM roles (arn:aws:iam::<account>:role/<name>), at least one."
  }
}

variable "verifier_arns" {
  description = "ARNs of the roles that may verify, as far as their own permissions let them."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.verifier_arns) > 0 && alltrue([for arn in var.verifier_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "Give verifier_arns as ARNs of IAM roles (arn:aws:iam::<account>:role/<name>), at least one."
  }
}
