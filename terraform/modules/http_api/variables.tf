variable "cors_origins" {
  description = "Origins of the web applications that may call from a browser, for example https://app.example.com. Empty switches CORS off."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^(https://[a-z0-9.-]+|http://(localhost|127\\.0\\.0\\.1))(:[0-9]{1,5})?$", origin))])
    error_message = "Give cors_origins as origins in full, scheme and host and nothing behind (https://app.example.com; http only for localhost). \"*\" is refused: name the sites that your applications are on."
  }
}

variable "description" {
  description = "What the API is for, as shown in the console."
  type        = string
  default     = null
}

variable "function" {
  description = "The function that answers all routes. arn may be that of an alias, which is then what is called."
  type = object({
    arn  = string
    name = string
  })
  nullable = false
}

variable "jwt" {
  description = "Whose tokens are let in: the issuer's URL, and the app clients that the token must be for."
  type = object({
    audience = list(string)
    issuer   = string
  })
  nullable = false

  validation {
    condition     = length(var.jwt.audience) > 0
    error_message = "Name at least one app client in jwt.audience: with none, nobody could sign in."
  }

  validation {
    condition     = can(regex("^https://.+$", var.jwt.issuer))
    error_message = "Give jwt.issuer as a URL, for a user pool https://cognito-idp.<region>.amazonaws.com/<pool>."
  }
}

variable "kms_key_arn" {
  description = "ARN of a customer-managed KMS key for the access log. Its policy must let CloudWatch Logs use it. Null uses the key of the service."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "Give kms_key_arn as the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id, or leave it null."
  }
}

variable "log_retention_days" {
  description = "Days for which the access log is kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "name" {
  description = "Name of the API."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "Give name as 1 to 64 letters, digits, hyphens or underscores."
  }
}

variable "public_routes" {
  description = "Routes that need no token, as \"METHOD /path\"."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for route in var.public_routes : can(regex("^(DELETE|GET|PATCH|POST|PUT) /[A-Za-z0-9/{}_-]*$", route))])
    error_message = "Give each of public_routes as a method and a path, for example GET /unsubscribe."
  }
}

variable "routes" {
  description = "Routes that need a token, as \"METHOD /path\"."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for route in var.routes : can(regex("^(DELETE|GET|PATCH|POST|PUT) /[A-Za-z0-9/{}_-]*$", route))])
    error_message = "Give each of routes as a method and a path, for example GET /preferences."
  }
}

variable "throttle" {
  description = "How many requests a second all callers together may make, and how many at one moment. More are answered with 429."
  type = object({
    rate  = optional(number, 50)
    burst = optional(number, 100)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.throttle.rate > 0 && var.throttle.burst >= 1 && floor(var.throttle.burst) == var.throttle.burst
    error_message = "Set throttle.rate above 0 and throttle.burst to a whole number of at least 1: with less, nobody could call."
  }
}
