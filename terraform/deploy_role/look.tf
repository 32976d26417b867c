# What `make doctor` looks at beside what a plan does: scripts/doctor/access.py lists all that it may call.

locals {
  look = [
    {
      sid       = "LookAtFunctions"
      actions   = ["lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration"]
      resources = [local.functions]
    },
    {
      sid       = "LookAtLambda"
      actions   = ["lambda:GetAccountSettings", "lambda:ListEventSourceMappings"]
      resources = ["*"]
      reason    = "Both are of the account: its limits, and a list."
    },
    {
      sid       = "LookAtLogs"
      actions   = ["logs:FilterLogEvents"]
      resources = local.log_groups
    },
    {
      sid       = "LookAtAlarms"
      actions   = ["cloudwatch:DescribeAlarms"]
      resources = ["arn:${local.partition}:cloudwatch:${local.here}:alarm:*"]
      reason    = "They are whoever has made them's, and have the names that they were given."
    },
    {
      sid       = "LookAtMetrics"
      actions   = ["cloudwatch:GetMetricData"]
      resources = ["*"]
      reason    = "Metrics have no resource."
    },
    {
      sid       = "LookAtRows"
      actions   = ["dynamodb:GetItem", "dynamodb:Query"]
      resources = [local.tables]
    },
    {
      sid        = "LookAtRowsWithCustomerKey"
      actions    = ["kms:Decrypt"]
      resources  = local.customer_keys
      unseen     = "DynamoDB decrypts for those alone who may use the table's key. Emulators ask nobody."
      conditions = { StringEquals = { "kms:ViaService" = ["dynamodb.${var.aws_region}.amazonaws.com"] } }
    },
    {
      sid        = "LookAtUser"
      actions    = ["cognito-idp:AdminGetUser"]
      resources  = [local.pools]
      conditions = local.is_ours
    },
    {
      sid       = "LookAtUserOfExistingUserPool"
      actions   = ["cognito-idp:AdminGetUser"]
      resources = local.existing_pools
    },
    {
      sid       = "SimulateRoles"
      actions   = ["iam:SimulatePrincipalPolicy"]
      resources = [local.stack_roles]
    },
    {
      sid       = "LookAtSes"
      actions   = ["ses:GetAccount", "ses:GetSuppressedDestination"]
      resources = ["*"]
      reason    = "Sandbox, quotas and the list of suppressed addresses are the account's."
    },
    {
      sid       = "LookAtSms"
      actions   = ["sns:GetSMSAttributes", "sns:GetSMSSandboxAccountStatus"]
      resources = ["*"]
      reason    = "Sandbox and spend limit are the account's."
    },
  ]
}
