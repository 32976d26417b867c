variable "description" {
  description = "What the role is for, as shown in the console."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "Give name as 1 to 64 letters, digits or any of + = , . @ _ - (the limit of IAM)."
  }
}

variable "path" {
  description = "IAM path of the role."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/(.+/)?$", var.path))
    error_message = "Begin and end path with a slash, for example /registration/."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of a managed policy that bounds what the role may ever do. Null sets none."
  type        = string
  default     = null
}

variable "service" {
  description = "The AWS service that takes on the role."
  type        = string
  default     = "lambda.amazonaws.com"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.amazonaws\\.com$", var.service))
    error_message = "Give service as a service principal, for example lambda.amazonaws.com."
  }
}

variable "statements" {
  description = "What the role may do. Every action is named in full. A statement that cannot name its resource uses [\"*\"], or names in not_resources what it does not reach, and says why in `reason`."
  type = list(object({
    sid           = string
    actions       = list(string)
    resources     = optional(list(string), [])
    not_resources = optional(list(string), [])
    reason        = optional(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  nullable = false

  validation {
    condition     = length(var.statements) > 0
    error_message = "Give at least one statement: a role that may do nothing is not worth having."
  }

  validation {
    condition     = alltrue([for statement in var.statements : can(regex("^[A-Za-z0-9]+$", statement.sid))])
    error_message = "Give each sid as letters and digits only (the limit of IAM), for example WriteUsers."
  }

  validation {
    condition     = length(distinct(var.statements[*].sid)) == length(var.statements)
    error_message = "Give each statement a sid of its own."
  }

  validation {
    condition     = alltrue([for statement in var.statements : length(statement.actions) > 0])
    error_message = "Name at least one action in each statement."
  }

  validation {
    condition     = alltrue([for statement in var.statements : (length(statement.resources) > 0) != (length(statement.not_resources) > 0)])
    error_message = "Name at least one resource in each statement: in resources, or in not_resources, and not in both."
  }

  validation {
    condition     = alltrue(flatten([for statement in var.statements : [for action in statement.actions : can(regex("^[a-z0-9-]+:[A-Za-z0-9]+$", action))]]))
    error_message = "Name each action in full, for example dynamodb:PutItem: wildcards are refused."
  }

  validation {
    condition     = alltrue([for statement in var.statements : !(contains(statement.resources, "*") || length(statement.not_resources) > 0) || try(length(trimspace(statement.reason)) > 0, false)])
    error_message = "Name the resource instead of \"*\" or of not_resources. If the action has no resource to name, say so in the statement's reason."
  }
}

variable "trust" {
  description = "Binds the service to act for one account and one source alone (the confused-deputy conditions aws:SourceAccount and aws:SourceArn). Only for services that send them."
  type = object({
    source_account = optional(string)
    source_arn     = optional(string)
  })
  default  = {}
  nullable = false
}
