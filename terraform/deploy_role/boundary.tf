# The most that any role of the stack may do. It names services, actions and the stack's prefix; which function
# may do which of it to what is said in ../permissions.tf.

locals {
  boundary = [
    {
      sid = "UseTables"
      actions = [
        "dynamodb:BatchGetItem",
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:DescribeStream",
        "dynamodb:GetItem",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
      ]
      resources = [local.tables]
    },
    {
      sid        = "LookAfterUsers"
      actions    = ["cognito-idp:AdminDeleteUser", "cognito-idp:AdminGetUser", "cognito-idp:ListUsers"]
      resources  = [local.pools]
      conditions = local.is_ours
    },
    {
      sid       = "LookAfterUsersOfExistingUserPool"
      actions   = ["cognito-idp:AdminDeleteUser", "cognito-idp:AdminGetUser", "cognito-idp:ListUsers"]
      resources = local.existing_pools
    },
    {
      sid        = "SignAndVerify"
      actions    = ["kms:GenerateMac", "kms:VerifyMac"]
      resources  = [local.keys]
      conditions = local.is_ours
    },
    {
      sid       = "InvokeFunctions"
      actions   = ["lambda:InvokeFunction"]
      resources = [local.functions]
    },
    {
      sid       = "WriteLogs"
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = [local.function_log_groups]
    },
    {
      sid       = "UseQueues"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"]
      resources = [local.queues]
    },
    {
      sid       = "UseTopics"
      actions   = ["sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish", "sns:Subscribe", "sns:Unsubscribe"]
      resources = [local.topics]
    },
    {
      sid       = "UseDevices"
      actions   = ["sns:CreatePlatformEndpoint", "sns:DeleteEndpoint", "sns:Publish", "sns:SetEndpointAttributes"]
      resources = ["arn:${local.partition}:sns:${local.here}:app/*", "arn:${local.partition}:sns:${local.here}:endpoint/*"]
      reason    = "The applications are the account's; the stack is told which."
    },
    {
      sid           = "PublishToPhones"
      actions       = ["sns:Publish"]
      not_resources = ["arn:*:sns:*:*:*"]
      reason        = "A telephone number is no ARN."
    },
    {
      sid       = "SendEmail"
      actions   = ["ses:SendEmail"]
      resources = concat([local.identities], local.own_configuration_sets)
      reason    = "The identity is the account's; the stack is told which."
    },
    {
      sid        = "UseCustomerKey"
      actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources  = local.customer_keys
      conditions = { StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "sns", "sqs"] : "${service}.${var.aws_region}.amazonaws.com"] } }
    },
  ]
}
