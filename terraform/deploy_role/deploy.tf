# What an apply takes beside what a plan does. See plan.tf for `reason` and `unseen`.

locals {
  deploy_state_and_roles = [
    {
      sid       = "WriteState"
      actions   = ["s3:PutObject"]
      resources = [local.state]
    },
    {
      # Only within the boundary: else a role could be made that may do everything, and be given to a function;
      # or one of others could be made to trust whoever deploys.
      sid        = "MakeBoundedRoles"
      actions    = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]
      resources  = [local.stack_roles]
      conditions = { StringEquals = { "iam:PermissionsBoundary" = [local.boundary_arn] } }
    },
    {
      sid = "ChangeRoles"
      actions = [
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:ListInstanceProfilesForRole",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateRoleDescription",
      ]
      resources = [local.stack_roles]
    },
    {
      sid        = "GiveRolesToFunctionsAndSchedules"
      actions    = ["iam:PassRole"]
      resources  = [local.stack_roles]
      conditions = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] } }
    },
    {
      sid     = "LetServicesMakeTheirOwnRoles"
      actions = ["iam:CreateServiceLinkedRole"]
      resources = [
        "${local.service_linked_roles}/email.cognito-idp.amazonaws.com/AWSServiceRoleForAmazonCognitoIdpEmailService",
        "${local.service_linked_roles}/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway",
      ]
      unseen = "The first API of an account, and the first pool that sends by SES, make their service-linked role in the caller's name (\"Using service-linked roles\" of API Gateway and of Cognito). Emulators make none."
    },
  ]

  deploy_functions = [
    {
      sid = "WriteFunctions"
      actions = [
        "lambda:AddPermission",
        "lambda:CreateAlias",
        "lambda:CreateFunction",
        "lambda:DeleteAlias",
        "lambda:DeleteFunction",
        "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:GetFunctionConfiguration",
        "lambda:PublishVersion",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:RemovePermission",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
      ]
      resources = [local.functions]
    },
    {
      sid = "WriteEventSourceMappings"
      actions = [
        "lambda:CreateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
      ]
      resources  = ["*"]
      reason     = "To create one names no resource. The condition holds for all three."
      conditions = { ArnLike = { "lambda:FunctionArn" = [local.functions] } }
    },
    {
      sid        = "TagNewEventSourceMappings"
      actions    = ["lambda:TagResource"]
      resources  = [local.event_source_mappings]
      conditions = local.becomes_ours
    },
    {
      sid        = "TagEventSourceMappings"
      actions    = ["lambda:TagResource", "lambda:UntagResource"]
      resources  = [local.event_source_mappings]
      conditions = local.is_ours
    },
    {
      sid = "WriteSchedules"
      actions = [
        "scheduler:CreateSchedule",
        "scheduler:CreateScheduleGroup",
        "scheduler:DeleteSchedule",
        "scheduler:DeleteScheduleGroup",
        "scheduler:TagResource",
        "scheduler:UntagResource",
        "scheduler:UpdateSchedule",
      ]
      resources = [local.schedules, local.schedule_groups]
    },
    {
      sid       = "WriteApi"
      actions   = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST"]
      resources = local.apis
      reason    = "As for ReadApi: AWS has no narrower way to say which API. An account of its own for each environment keeps the others' out of reach."
    },
    {
      sid       = "TagApi"
      actions   = ["apigateway:DELETE", "apigateway:POST"]
      resources = [local.api_tags]
      reason    = "A tag's resource has the random id of its API in it."
    },
    {
      sid       = "TagNewApi"
      actions   = ["apigateway:TagResource"]
      resources = local.apis
      reason    = "As for ReadApi."
      unseen    = "API Gateway asks for it when an API or a stage is made with tags; emulators do not."
    },
    {
      sid = "WriteLogGroups"
      actions = [
        "logs:AssociateKmsKey",
        "logs:CreateLogGroup",
        "logs:DeleteLogGroup",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
        "logs:UntagResource",
      ]
      resources = local.log_groups
    },
    {
      sid       = "TakeKeyFromLogGroups"
      actions   = ["logs:DisassociateKmsKey"]
      resources = local.log_groups
      unseen    = "The local AWS gives log groups no key, so Terraform has none to take away."
    },
    {
      sid = "DeliverAccessLogs"
      actions = [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
      ]
      resources = ["*"]
      reason    = "CloudWatch Logs has no resource for any of them."
      unseen    = "API Gateway makes the delivery of a stage's log in the caller's name (\"Configure logging for HTTP APIs in API Gateway\"). Emulators make none."
    },
  ]

  deploy_data = [
    {
      sid = "WriteTables"
      actions = [
        "dynamodb:CreateTable",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
      ]
      resources = [local.tables]
    },
    {
      sid        = "MakeUserPool"
      actions    = ["cognito-idp:CreateUserPool"]
      resources  = ["*"]
      reason     = "There is no pool yet that could be named."
      conditions = local.becomes_ours
    },
    {
      # Whoever may tag a pool as the stack's may do all to it: so not one that is another system's already.
      sid        = "TagNewUserPool"
      actions    = ["cognito-idp:TagResource"]
      resources  = [local.pools]
      conditions = merge(local.becomes_ours, local.is_nobodys)
    },
    {
      sid = "WriteUserPool"
      actions = [
        "cognito-idp:CreateUserPoolClient",
        "cognito-idp:DeleteUserPoolClient",
        "cognito-idp:TagResource",
        "cognito-idp:UntagResource",
        "cognito-idp:UpdateUserPool",
        "cognito-idp:UpdateUserPoolClient",
      ]
      resources  = [local.pools]
      conditions = local.is_ours
    },
    {
      sid        = "MakeSigningKey"
      actions    = ["kms:CreateKey"]
      resources  = ["*"]
      reason     = "There is no key yet that could be named. The conditions hold it to keys that only sign."
      conditions = { StringEquals = merge(local.becomes_ours.StringEquals, local.signs.StringEquals) }
    },
    {
      # As TagNewUserPool, and only keys that sign. Of one that is just being made KMS may not tell it here;
      # MakeSigningKey has looked at it.
      sid        = "TagNewSigningKey"
      actions    = ["kms:TagResource"]
      resources  = [local.keys]
      conditions = merge(local.becomes_ours, local.is_nobodys, { StringEqualsIfExists = local.signs.StringEquals })
    },
    {
      sid        = "ReadNewSigningKey"
      actions    = ["kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
      resources  = [local.keys]
      reason     = "Terraform looks at a new key at once, and it may be five minutes before its tag counts (\"ABAC for AWS KMS\"). That it only signs is known from the start."
      conditions = local.signs
    },
    {
      sid        = "WriteSigningKey"
      actions    = ["kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"]
      resources  = [local.keys]
      conditions = local.is_ours
    },
    {
      sid       = "WriteTopics"
      actions   = ["sns:CreateTopic", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"]
      resources = [local.topics]
    },
    {
      sid       = "WriteQueues"
      actions   = ["sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
      resources = [local.queues]
    },
    {
      sid = "WriteConfigurationSet"
      actions = [
        "ses:CreateConfigurationSet",
        "ses:CreateConfigurationSetEventDestination",
        "ses:DeleteConfigurationSet",
        "ses:DeleteConfigurationSetEventDestination",
        "ses:TagResource",
        "ses:UntagResource",
        "ses:UpdateConfigurationSetEventDestination",
      ]
      resources = local.own_configuration_sets
    },
    {
      sid        = "TryWithUser"
      actions    = ["cognito-idp:AdminConfirmSignUp", "cognito-idp:AdminDeleteUser", "cognito-idp:AdminUpdateUserAttributes", "cognito-idp:ListUsers"]
      resources  = [local.pools]
      unseen     = "At its end a deploy registers a throw-away user (scripts/smoke_test.py); the integration tests record that."
      conditions = local.is_ours
    },
    {
      sid       = "TryWithRows"
      actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem"]
      resources = [local.tables]
      unseen    = "As TryWithUser: the user's record and welcome are looked for, and removed."
    },
    {
      # By way of DynamoDB alone, which keeps a grant for as long as there is the table.
      sid = "LetTablesUseCustomerKey"
      actions = [
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
      ]
      resources  = local.customer_keys
      unseen     = "A table takes its key in the name of whoever chooses it, who needs all that DynamoDB does with it (\"DynamoDB encryption at rest usage notes\"). Emulators ask nobody."
      conditions = { StringEquals = { "kms:ViaService" = ["dynamodb.${var.aws_region}.amazonaws.com"] } }
    },
  ]

  # With data_deletion alone.
  delete_data = [
    {
      sid       = "DeleteTables"
      actions   = ["dynamodb:DeleteTable"]
      resources = [local.tables]
    },
    {
      sid        = "DeleteUserPool"
      actions    = ["cognito-idp:DeleteUserPool"]
      resources  = [local.pools]
      conditions = local.is_ours
    },
    {
      sid        = "DeleteSigningKey"
      actions    = ["kms:ScheduleKeyDeletion"]
      resources  = [local.keys]
      conditions = local.is_ours
    },
    {
      sid       = "DeleteTopics"
      actions   = ["sns:DeleteTopic"]
      resources = [local.topics]
    },
    {
      sid       = "DeleteQueues"
      actions   = ["sqs:DeleteQueue"]
      resources = [local.queues]
    },
  ]
}
