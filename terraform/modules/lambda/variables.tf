variable "architecture" {
  description = "Instruction set of the function: arm64 or x86_64. The package must be built for it."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Set architecture to \"arm64\" or \"x86_64\"."
  }
}

variable "asynchronous" {
  description = "Where asynchronous calls end that have failed for good: an SQS queue, encrypted with kms_key_arn where that is given. Null drops them."
  type = object({
    failure_queue_arn = string
  })
  default = null

  validation {
    condition     = var.asynchronous == null || can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[^:]+$", var.asynchronous.failure_queue_arn))
    error_message = "Give asynchronous.failure_queue_arn as the ARN of an SQS queue (arn:aws:sqs:<region>:<account>:<name>)."
  }
}

variable "description" {
  description = "What the function does, as shown in the console."
  type        = string
  default     = null
}

variable "environment" {
  description = "Environment variables of the function. Not for secrets: whoever may read the function's configuration reads them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "handler" {
  description = "Where the function starts, as package.module.function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+(\\.[A-Za-z0-9_]+)+$", var.handler))
    error_message = "Give handler as package.module.function, for example notifications.handlers.sweep.handler."
  }
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for the log group and the queues. Its policy must let CloudWatch Logs use it. Null uses the keys of the services."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "log_retention_days" {
  description = "Days for which the logs are kept."
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

variable "memory_mb" {
  description = "Memory in MB; the share of the processor grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "Set memory_mb to a whole number from 128 to 10240."
  }
}

variable "name" {
  description = "Name of the function; its role, log group, queue and schedule are named after it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,55}$", var.name))
    error_message = "Give name as 1 to 55 letters, digits, hyphens or underscores: the names made from it must fit IAM's limit of 64."
  }
}

variable "package_path" {
  description = "Path of the zip that holds the function's code."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.package_path)
    error_message = "There is no file at package_path. Build the package first, or correct the path."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of a managed policy that bounds what the function's roles may ever do. Null sets none."
  type        = string
  default     = null
}

variable "queue" {
  description = "Feeds the function from an SQS queue, which is encrypted with kms_key_arn where that is given. Null makes no mapping."
  type = object({
    arn                  = string
    batch_size           = optional(number, 10)
    batch_window_seconds = optional(number, 0)
    maximum_concurrency  = optional(number)
  })
  default = null

  validation {
    condition     = var.queue == null || can(regex("^arn:[^:]+:sqs:[^:]+:[0-9]{12}:[^:]+$", var.queue.arn))
    error_message = "Give queue.arn as the ARN of an SQS queue (arn:aws:sqs:<region>:<account>:<name>)."
  }

  validation {
    condition     = try(var.queue.batch_size >= 1 && var.queue.batch_size <= 10000, var.queue == null)
    error_message = "Set queue.batch_size to 1 to 10000."
  }

  validation {
    condition     = try(var.queue.batch_size <= 10 || var.queue.batch_window_seconds >= 1, var.queue == null)
    error_message = "Set queue.batch_window_seconds to at least 1 where queue.batch_size is above 10: Lambda wants it so."
  }

  validation {
    condition     = try(var.queue.batch_window_seconds >= 0 && var.queue.batch_window_seconds <= 300, var.queue == null)
    error_message = "Set queue.batch_window_seconds to 0 to 300."
  }

  validation {
    condition     = try(coalesce(var.queue.maximum_concurrency, 2) >= 2 && coalesce(var.queue.maximum_concurrency, 2) <= 1000, var.queue == null)
    error_message = "Set queue.maximum_concurrency to 2 to 1000, or leave it null for no bound."
  }
}

variable "reserved_concurrency" {
  description = "How many copies may run at once, taken out of the account's share. -1 reserves nothing."
  type        = number
  default     = -1
  nullable    = false

  validation {
    condition     = var.reserved_concurrency >= -1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "Set reserved_concurrency to a whole number of at least 0, or to -1 to reserve nothing."
  }
}

variable "runtime" {
  description = "Lambda runtime. The package must be built for it."
  type        = string
  default     = "python3.13"
  nullable    = false
}

variable "schedule" {
  description = "Calls the function on a schedule (EventBridge Scheduler). Null makes none."
  type = object({
    expression                = string
    maximum_event_age_seconds = optional(number, 60)
    maximum_retry_attempts    = optional(number, 2)
  })
  default = null

  validation {
    condition     = var.schedule == null || can(regex("^(rate|cron|at)\\(.+\\)$", var.schedule.expression))
    error_message = "Give schedule.expression as rate(…), cron(…) or at(…), for example rate(1 minute)."
  }

  validation {
    condition     = try(var.schedule.maximum_event_age_seconds >= 60 && var.schedule.maximum_event_age_seconds <= 21600, var.schedule == null)
    error_message = "Set schedule.maximum_event_age_seconds to 60 to 21600: Lambda keeps an asynchronous call no longer than six hours."
  }

  validation {
    condition     = try(var.schedule.maximum_retry_attempts >= 0 && var.schedule.maximum_retry_attempts <= 185, var.schedule == null)
    error_message = "Set schedule.maximum_retry_attempts to 0 to 185."
  }
}

variable "statements" {
  description = "What the function may do beyond writing its own logs and serving its own trigger; see ../iam for the rules."
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
  default  = []
  nullable = false
}

variable "stream" {
  description = "Feeds the function from a DynamoDB stream. A record is let in if it fits any of filter_patterns (JSON); with none, all are. Null makes no mapping."
  type = object({
    arn                        = string
    batch_size                 = optional(number, 10)
    batch_window_seconds       = optional(number, 0)
    filter_patterns            = optional(list(string), [])
    maximum_record_age_seconds = optional(number, 3600)
    maximum_retry_attempts     = optional(number, 3)
    parallelization_factor     = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.stream == null || can(regex("^arn:[^:]+:dynamodb:[^:]+:[0-9]{12}:table/[^/]+/stream/.+$", var.stream.arn))
    error_message = "Give stream.arn as the ARN of a DynamoDB stream (arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>)."
  }

  validation {
    condition     = try(var.stream.batch_size >= 1 && var.stream.batch_size <= 10000, var.stream == null)
    error_message = "Set stream.batch_size to 1 to 10000."
  }

  validation {
    condition     = try(var.stream.batch_window_seconds >= 0 && var.stream.batch_window_seconds <= 300, var.stream == null)
    error_message = "Set stream.batch_window_seconds to 0 to 300."
  }

  validation {
    condition     = try(alltrue([for pattern in var.stream.filter_patterns : can(jsondecode(pattern))]), var.stream == null)
    error_message = "Give each of stream.filter_patterns as JSON, for example with jsonencode()."
  }

  validation {
    condition     = try(var.stream.maximum_record_age_seconds >= 60 && var.stream.maximum_record_age_seconds <= 604800, var.stream == null)
    error_message = "Set stream.maximum_record_age_seconds to 60 to 604800: without a bound, one bad record blocks its shard."
  }

  validation {
    condition     = try(var.stream.maximum_retry_attempts >= 0 && var.stream.maximum_retry_attempts <= 10000, var.stream == null)
    error_message = "Set stream.maximum_retry_attempts to 0 to 10000: without a bound, one bad record blocks its shard."
  }

  validation {
    condition     = try(var.stream.parallelization_factor >= 1 && var.stream.parallelization_factor <= 10, var.stream == null)
    error_message = "Set stream.parallelization_factor to 1 to 10."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda ends a call."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "Set timeout_seconds to a whole number from 1 to 900."
  }
}
