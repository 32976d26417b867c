# What a plan takes. Each list is one policy.
#
# The actions are those of calls.json, which `make deploy-calls` records. A statement with an action that
# is not there says in `unseen` why it is needed; one that reaches beyond the stack says so in `reason`.

locals {
  plan_state_and_roles = [
    {
      sid       = "FindState"
      actions   = ["s3:ListBucket"]
      resources = [local.state_bucket]
    },
    {
      sid = "ReadBucketSettings"
      actions = [
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
      ]
      resources = [local.state_bucket]
    },
    {
      sid       = "ReadBucketPolicy"
      actions   = ["s3:GetBucketPolicy"]
      resources = [local.state_bucket]
      unseen    = "On AWS the bucket must refuse plain HTTP, and is looked at for that (scripts/state_bucket.py). An emulator has nothing else."
    },
    {
      sid       = "ReadState"
      actions   = ["s3:GetObject"]
      resources = [local.state]
    },
    {
      # A plan holds the lock too, so that it does not see half of a deploy.
      sid       = "LockState"
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = [local.lock]
    },
    {
      sid = "ReadRoles"
      actions = [
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
      ]
      resources = [local.stack_roles]
    },
  ]

  plan_functions = [
    {
      # Lambda tells a function's tags to those alone who may list them ("GetFunction"): without them, each plan
      # would make them anew.
      sid = "ReadFunctions"
      actions = [
        "lambda:GetAlias",
        "lambda:GetFunction",
        "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:GetPolicy",
        "lambda:ListTags",
        "lambda:ListVersionsByFunction",
      ]
      resources = [local.functions]
    },
    {
      sid       = "ReadEventSourceMappings"
      actions   = ["lambda:GetEventSourceMapping", "lambda:ListTags"]
      resources = [local.event_source_mappings]
      reason    = "Their ids are random. A condition on the function would refuse to say of one that is deleted that it is gone, which Terraform waits for; for tags there is none."
    },
    {
      sid       = "ReadSchedules"
      actions   = ["scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"]
      resources = [local.schedules, local.schedule_groups]
    },
    {
      sid       = "ReadApi"
      actions   = ["apigateway:GET"]
      resources = local.apis
      reason    = "The ids of APIs are random, and routes, integrations and authorizers have no tags, nor inherit them (\"API Gateway resources that can be tagged\")."
    },
    {
      sid       = "ReadLogGroups"
      actions   = ["logs:ListTagsForResource"]
      resources = local.log_groups
    },
    {
      sid       = "FindLogGroups"
      actions   = ["logs:DescribeLogGroups"]
      resources = ["*"]
      reason    = "It lists, and names no group."
    },
  ]

  plan_data = [
    {
      sid = "ReadTables"
      actions = [
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
      ]
      resources = [local.tables]
    },
    {
      sid = "ReadUserPool"
      actions = [
        "cognito-idp:DescribeUserPool",
        "cognito-idp:DescribeUserPoolClient",
        "cognito-idp:GetUserPoolMfaConfig",
      ]
      resources  = [local.pools]
      conditions = local.is_ours
    },
    {
      sid       = "ReadExistingUserPool"
      actions   = ["cognito-idp:DescribeUserPool", "cognito-idp:ListUserPoolClients"]
      resources = local.existing_pools
    },
    {
      sid        = "ReadSigningKey"
      actions    = ["kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
      resources  = [local.keys]
      conditions = local.is_ours
    },
    {
      sid       = "DescribeKeys"
      actions   = ["kms:DescribeKey"]
      resources = [local.keys]
      reason    = "Tables without a key of the customer's have AWS's own, which has no tag."
    },
    {
      sid       = "ReadTopics"
      actions   = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"]
      resources = [local.topics]
    },
    {
      sid       = "ReadQueues"
      actions   = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
      resources = [local.queues]
    },
    {
      sid       = "ReadConfigurationSet"
      actions   = ["ses:GetConfigurationSet", "ses:GetConfigurationSetEventDestinations", "ses:ListTagsForResource"]
      resources = local.own_configuration_sets
    },
    {
      sid       = "ReadIdentity"
      actions   = ["ses:GetEmailIdentity", "ses:ListTagsForResource"]
      resources = [local.identities]
      reason    = "The identity is the account's, whatever its name: whether it is verified is looked up."
    },
  ]
}
