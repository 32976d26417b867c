module "tables" {
  source = "./modules/dynamodb"

  name_prefix         = var.name_prefix
  deletion_protection = var.deletion_protection
  kms_key_arn         = var.kms_key_arn
}

module "topic" {
  source = "./modules/sns"

  name_prefix    = var.name_prefix
  kms_key_arn    = var.kms_key_arn
  publisher_arns = [module.deliver.role_arn, module.sweep.role_arn]
}

# Called by Cognito, which waits five seconds and not longer: so the function has no more either.
# The memory buys a short cold start.
module "post_confirmation" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-post-confirmation"
  description = "Records a person who has confirmed, and their welcome, in one write."
  handler     = "notifications.handlers.post_confirmation.handler"

  architecture       = var.lambda_architecture
  environment        = local.table_environment
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  memory_mb          = 512
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.post_confirmation_statements
  timeout_seconds    = 5
}

# The fast way: a new row is delivered as soon as the stream shows it.
module "deliver" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-deliver"
  description = "Delivers notifications that were just written."
  handler     = "notifications.handlers.deliver.handler"

  architecture       = var.lambda_architecture
  environment        = merge(local.delivery_environment, { POWERTOOLS_SERVICE_NAME = "deliver" })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.deliver_statements
  timeout_seconds    = 120

  stream = {
    arn                  = module.tables.notification_stream_arn
    batch_window_seconds = 1
    filter_patterns      = [jsonencode({ eventName = ["INSERT"], dynamodb = { NewImage = { State = { S = ["QUEUED"] } } } })]
  }
}

# The guarantee: what still waits is looked at every minute.
module "sweep" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-sweep"
  description = "Delivers notifications that are due: opt-in awaited, retry, lease that ran out."
  handler     = "notifications.handlers.sweep.handler"

  architecture       = var.lambda_architecture
  environment        = merge(local.delivery_environment, { POWERTOOLS_SERVICE_NAME = "sweep" })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.sweep_statements
  timeout_seconds    = 120

  schedule = {
    expression = "rate(1 minute)"
  }
}

module "user_pool" {
  source = "./modules/cognito"

  name_prefix             = var.name_prefix
  deletion_protection     = var.deletion_protection
  email_identity          = var.ses_identity
  password_minimum_length = var.password_minimum_length
  token_lifetimes         = var.token_lifetimes

  post_confirmation_function = {
    arn  = module.post_confirmation.arn
    name = module.post_confirmation.name
  }
}

locals {
  table_environment = {
    NOTIFICATION_TABLE = module.tables.notification_table_name
    USER_TABLE         = module.tables.user_table_name
  }

  sender_environment = {
    EMAIL_CONFIGURATION_SET = try(var.ses_identity.configuration_set, null)
    EMAIL_FROM              = try(var.ses_identity.from_address, null)
  }

  delivery_environment = merge(
    local.table_environment,
    {
      EMAIL_DELIVERY               = var.email_delivery
      NOTIFICATION_TOPIC_ARN       = module.topic.topic_arn
      POWERTOOLS_METRICS_NAMESPACE = var.name_prefix
    },
    var.email_delivery == "ses" ? { for name, value in local.sender_environment : name => value if value != null } : {},
  )
}

data "aws_sesv2_email_identity" "sender" {
  count = var.ses_identity == null ? 0 : 1

  # The ARN ends in identity/<domain or address>.
  email_identity = split(":identity/", var.ses_identity.arn)[1]
}

check "ses_identity_is_verified" {
  assert {
    condition     = alltrue(data.aws_sesv2_email_identity.sender[*].verified_for_sending_status)
    error_message = "SES will not send yet: ${try(var.ses_identity.arn, "the identity")} is not verified. Publish the DNS records (domain) or follow the link in the mail (address) that SES gave for it."
  }
}
