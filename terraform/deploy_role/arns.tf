# What the statements name: by the prefix where the names are the stack's own, by the tag System where AWS
# gives out random ids.

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  here      = "${var.aws_region}:${local.account}"

  apis = [
    "arn:${local.partition}:apigateway:${var.aws_region}::/apis",
    "arn:${local.partition}:apigateway:${var.aws_region}::/apis/*",
  ]
  api_tags               = "arn:${local.partition}:apigateway:${var.aws_region}::/tags/*"
  boundary_arn           = "arn:${local.partition}:iam::${local.account}:policy/boundary-${var.name_prefix}"
  configuration_sets     = "arn:${local.partition}:ses:${local.here}:configuration-set"
  customer_keys          = compact([var.kms_key_arn])
  existing_pools         = [for id in compact([var.existing_user_pool_id]) : "arn:${local.partition}:cognito-idp:${local.here}:userpool/${id}"]
  event_source_mappings  = "arn:${local.partition}:lambda:${local.here}:event-source-mapping:*"
  function_log_groups    = "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name_prefix}-*"
  functions              = "arn:${local.partition}:lambda:${local.here}:function:${var.name_prefix}-*"
  identities             = "arn:${local.partition}:ses:${local.here}:identity/*"
  keys                   = "arn:${local.partition}:kms:${local.here}:key/*"
  lock                   = "${local.state}.tflock"
  log_groups             = [local.function_log_groups, "arn:${local.partition}:logs:${local.here}:log-group:/aws/vendedlogs/${var.name_prefix}-*"]
  pools                  = "arn:${local.partition}:cognito-idp:${local.here}:userpool/*"
  queues                 = "arn:${local.partition}:sqs:${local.here}:${var.name_prefix}-*"
  stack_roles            = "arn:${local.partition}:iam::${local.account}:role/${var.name_prefix}-*"
  schedule_groups        = "arn:${local.partition}:scheduler:${local.here}:schedule-group/${var.name_prefix}-*"
  schedules              = "arn:${local.partition}:scheduler:${local.here}:schedule/${var.name_prefix}-*/${var.name_prefix}-*"
  service_linked_roles   = "arn:${local.partition}:iam::${local.account}:role/aws-service-role"
  state                  = "arn:${local.partition}:s3:::${var.state_bucket}/${var.state_key}"
  state_bucket           = "arn:${local.partition}:s3:::${var.state_bucket}"
  tables                 = "arn:${local.partition}:dynamodb:${local.here}:table/${var.name_prefix}-*"
  topics                 = "arn:${local.partition}:sns:${local.here}:${var.name_prefix}-*"
  own_configuration_sets = compact(["${local.configuration_sets}/${var.name_prefix}", var.ses_configuration_set == null ? "" : "${local.configuration_sets}/${var.ses_configuration_set}"])

  # Of what has no name of ours: only what is tagged as the stack's, or will be.
  is_ours      = { StringEquals = { "aws:ResourceTag/System" = var.name_prefix } }
  becomes_ours = { StringEquals = { "aws:RequestTag/System" = var.name_prefix } }
  is_nobodys   = { Null = { "aws:ResourceTag/System" = "true" } }
  signs        = { StringEquals = { "kms:KeySpec" = "HMAC_256" } }
}
