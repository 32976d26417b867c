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

# Six times as long as the function that receives may run: "Configuring a queue to use with Lambda".
module "queues" {
  source = "./modules/sqs"

  name_prefix                = var.name_prefix
  kms_key_arn                = var.kms_key_arn
  visibility_timeout_seconds = 360
}

# For links to unsubscribe, which work without signing in.
module "signing_key" {
  source = "./modules/signing_key"

  name_prefix          = var.name_prefix
  deletion_window_days = var.deletion_protection ? 30 : 7
  signer_arns          = [module.deliver.role_arn, module.sweep.role_arn]
  verifier_arns        = [module.api.role_arn]
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

  permissions_boundary_arn = var.permissions_boundary_arn
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
  timeout_seconds    = 180

  permissions_boundary_arn = var.permissions_boundary_arn

  # Rows do not wait for one another: ten of a shard's batches are worked off at once.
  stream = {
    arn                    = module.tables.notification_stream_arn
    batch_size             = 100
    filter_patterns        = [jsonencode({ eventName = ["INSERT"], dynamodb = { NewImage = { State = { S = ["QUEUED"] } } } })]
    parallelization_factor = 10
  }
}

# The guarantee: what still waits is looked at every minute.
module "sweep" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-sweep"
  description = "Delivers notifications that are due: opt-in awaited, quiet hours over, retry, lease that ran out."
  handler     = "notifications.handlers.sweep.handler"

  architecture       = var.lambda_architecture
  environment        = merge(local.delivery_environment, { POWERTOOLS_SERVICE_NAME = "sweep" })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.sweep_statements
  timeout_seconds    = 180

  permissions_boundary_arn = var.permissions_boundary_arn

  schedule = {
    expression = "rate(1 minute)"
  }
}

# Where applications ask for notifications.
module "enqueue" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-enqueue"
  description = "Takes requests from the queue and writes what is to be sent."
  handler     = "notifications.handlers.enqueue.handler"

  architecture = var.lambda_architecture
  environment = merge(local.function_environment, {
    CATALOGUE               = local.catalogue_without_texts
    POWERTOOLS_SERVICE_NAME = "enqueue"
    REFUSED_QUEUE_URL       = module.queues.refused_queue_url
  })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.enqueue_statements
  timeout_seconds    = 60

  permissions_boundary_arn = var.permissions_boundary_arn

  # A long queue must not take the account's concurrency away from sign-ups.
  queue = {
    arn                 = module.queues.request_queue_arn
    maximum_concurrency = 10
  }
}

# What is for everybody becomes one row per person, a slice of them every minute.
module "broadcast" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-broadcast"
  description = "Writes one notification per person for what is for everybody."
  handler     = "notifications.handlers.broadcast.handler"

  architecture       = var.lambda_architecture
  environment        = merge(local.function_environment, { POWERTOOLS_SERVICE_NAME = "broadcast" })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.broadcast_statements
  timeout_seconds    = 180

  permissions_boundary_arn = var.permissions_boundary_arn

  schedule = {
    expression = "rate(1 minute)"
  }
}

# People who want to be forgotten, until nothing of them is left.
module "erase" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-erase"
  description = "Erases people who have deleted their account."
  handler     = "notifications.handlers.erase.handler"

  architecture = var.lambda_architecture
  environment = merge(local.function_environment, {
    NOTIFICATION_TOPIC_ARN  = module.topic.topic_arn
    POWERTOOLS_SERVICE_NAME = "erase"
    REFUSED_QUEUE_URL       = module.queues.refused_queue_url
    USER_POOL_ID            = module.user_pool.user_pool_id
  })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.erase_statements
  timeout_seconds    = 180

  permissions_boundary_arn = var.permissions_boundary_arn

  schedule = {
    expression = "rate(1 minute)"
  }
}

# People whom the trigger has missed. It looks every minute whether a pass is due, or to be gone on with.
module "reconcile" {
  source = "./modules/lambda"
  count  = var.reconcile_every_hours == null ? 0 : 1

  name        = "${var.name_prefix}-reconcile"
  description = "Registers users of the pool who have no record, and counts records without a user."
  handler     = "notifications.handlers.reconcile.handler"

  architecture = var.lambda_architecture
  environment = merge(local.function_environment, {
    EVERY_HOURS             = tostring(var.reconcile_every_hours)
    POWERTOOLS_SERVICE_NAME = "reconcile"
    USER_POOL_ID            = module.user_pool.user_pool_id
  })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.reconcile_statements
  timeout_seconds    = 180

  permissions_boundary_arn = var.permissions_boundary_arn

  schedule = {
    expression = "rate(1 minute)"
  }
}

# What people themselves call. The memory buys a short cold start: somebody waits.
module "api" {
  source = "./modules/lambda"

  name        = "${var.name_prefix}-api"
  description = "Answers the HTTP API: preferences, history, devices, telephone, account."
  handler     = "notifications.handlers.api.handler"

  architecture = var.lambda_architecture
  environment = merge(local.function_environment, local.rate_environment, {
    CATALOGUE               = local.catalogue
    EMAIL_DELIVERY          = var.email_delivery
    POWERTOOLS_SERVICE_NAME = "api"
    PUSH_APPLICATIONS       = jsonencode(var.push_application_arns)
    TOKEN_KEY_ARN           = module.signing_key.key_arn
  })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  memory_mb          = 512
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.api_statements
  timeout_seconds    = 15

  permissions_boundary_arn = var.permissions_boundary_arn
}

module "http_api" {
  source = "./modules/http_api"

  name               = "${var.name_prefix}-api"
  description        = "What people may read and change of their own."
  cors_origins       = var.api_cors_origins
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  throttle           = var.api_throttle

  function = {
    arn  = module.api.arn
    name = module.api.name
  }

  jwt = {
    audience = module.user_pool.user_pool_client_ids
    issuer   = module.user_pool.issuer
  }

  # A link in an e-mail is followed without signing in; its token says whose it is.
  public_routes = ["GET /unsubscribe", "POST /unsubscribe"]

  routes = [
    "DELETE /account",
    "DELETE /devices/{id}",
    "GET /notifications",
    "GET /preferences",
    "POST /devices",
    "PUT /phone",
    "PUT /preferences",
  ]
}

# E-mail by SES tells what became of it; e-mail by SNS tells nothing.
module "feedback" {
  source = "./modules/lambda"
  count  = var.email_delivery == "ses" ? 1 : 0

  name        = "${var.name_prefix}-feedback"
  description = "Stops e-mail to people whose address bounces or who complained."
  handler     = "notifications.handlers.feedback.handler"

  architecture       = var.lambda_architecture
  environment        = merge(local.function_environment, { POWERTOOLS_SERVICE_NAME = "feedback" })
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
  package_path       = var.lambda_package_path
  runtime            = var.lambda_runtime
  statements         = local.feedback_statements
  timeout_seconds    = 60

  permissions_boundary_arn = var.permissions_boundary_arn

  # SNS does not wait: what Lambda gives up is put where a person looks at what was refused.
  asynchronous = {
    failure_queue_arn = module.queues.refused_queue_arn
  }
}

module "ses_feedback" {
  source = "./modules/ses_feedback"
  count  = var.email_delivery == "ses" ? 1 : 0

  name_prefix = var.name_prefix
  kms_key_arn = var.kms_key_arn

  # A configuration set lives beside the identity.
  configuration_set_arn = var.ses_identity.configuration_set == null ? null : "${split(":identity/", var.ses_identity.arn)[0]}:configuration-set/${var.ses_identity.configuration_set}"

  function = {
    arn  = module.feedback[0].arn
    name = module.feedback[0].name
  }
}

module "user_pool" {
  source = "./modules/cognito"

  name_prefix             = var.name_prefix
  deletion_protection     = var.deletion_protection
  email_identity          = var.ses_identity
  existing_user_pool      = var.existing_user_pool
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

  function_environment = merge(local.table_environment, {
    POWERTOOLS_METRICS_NAMESPACE = var.name_prefix
  })

  rate_environment = {
    CHANNEL_RATES = jsonencode(var.channel_rates)
    RATE_TABLE    = module.tables.channel_rate_table_name
  }

  delivery_environment = merge(
    local.function_environment,
    local.rate_environment,
    {
      API_ENDPOINT           = module.http_api.api_endpoint
      CATALOGUE              = local.catalogue_without_texts
      EMAIL_DELIVERY         = var.email_delivery
      NOTIFICATION_TOPIC_ARN = module.topic.topic_arn
      TOKEN_KEY_ARN          = module.signing_key.key_arn
    },
    var.email_delivery != "ses" ? {} : {
      EMAIL_CONFIGURATION_SET = module.ses_feedback[0].configuration_set_name
      EMAIL_FROM              = var.ses_identity.from_address
    },
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

# Terraform reads an existing pool and changes nothing of it.
check "existing_user_pool_has_the_trigger" {
  assert {
    condition     = var.existing_user_pool == null || module.user_pool.post_confirmation_arn == module.post_confirmation.arn
    error_message = "Nobody who signs up is registered yet: the pool ${module.user_pool.user_pool_id} does not call ${module.post_confirmation.name}. Run make attach-trigger once this is applied."
  }
}
