# Who may do what. Writing its own logs and serving its own trigger is added to each function by
# modules/lambda; everything else that a function may do is on this page.

locals {
  post_confirmation_statements = concat(
    [{
      sid        = "WriteUserAndWelcome"
      actions    = ["dynamodb:PutItem"]
      resources  = [module.tables.user_table_arn, module.tables.notification_table_arn]
      conditions = []
    }],
    local.table_key_statements,
  )

  deliver_statements = concat(
    local.delivery_statements,
    local.table_key_statements,
    local.topic_key_statements,
  )

  sweep_statements = concat(
    local.delivery_statements,
    local.due_statements,
    local.table_key_statements,
    local.topic_key_statements,
  )

  enqueue_statements = concat(
    [
      {
        # A row is written only while its recipient is there: both in one transaction.
        sid        = "ReadRecipients"
        actions    = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        # A key that was seen is compared; a cancelled row is updated.
        sid        = "WriteNotifications"
        actions    = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
      {
        sid        = "PutAsideWhatIsRefused"
        actions    = ["sqs:SendMessage"]
        resources  = [module.queues.refused_queue_arn]
        conditions = []
      },
    ],
    local.table_key_statements,
    local.queue_key_statements,
  )

  broadcast_statements = concat(
    local.due_statements,
    [
      {
        sid        = "WriteNotifications"
        actions    = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
      {
        # A row is written only for a person who is still there.
        sid        = "ReadAllUsers"
        actions    = ["dynamodb:ConditionCheckItem", "dynamodb:Scan"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
    ],
    local.table_key_statements,
  )

  erase_statements = concat(
    local.due_statements,
    [
      {
        sid        = "FindNotificationsOfPerson"
        actions    = ["dynamodb:Query"]
        resources  = [module.tables.by_user_index_arn]
        conditions = []
      },
      {
        sid        = "EraseNotifications"
        actions    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
      {
        # A late repetition of Cognito's trigger writes the record again.
        sid        = "EraseUser"
        actions    = ["dynamodb:DeleteItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        # Read first: somebody else may have the username by now.
        sid        = "EraseCognitoUser"
        actions    = ["cognito-idp:AdminDeleteUser", "cognito-idp:AdminGetUser"]
        resources  = [module.user_pool.user_pool_arn]
        conditions = []
      },
      {
        # SNS checks Unsubscribe against the topic of the subscription.
        sid        = "EndSubscription"
        actions    = ["sns:ListSubscriptionsByTopic", "sns:Unsubscribe"]
        resources  = [module.topic.topic_arn]
        conditions = []
      },
      {
        sid        = "EraseRefusedRequests"
        actions    = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
        resources  = [module.queues.refused_queue_arn]
        conditions = []
      },
    ],
    [for arns in local.push_arns : {
      sid        = "DeleteDevices"
      actions    = ["sns:DeleteEndpoint"]
      resources  = arns
      conditions = []
    }],
    local.table_key_statements,
    local.queue_key_statements,
  )

  # It may delete nothing.
  reconcile_statements = concat(
    [
      {
        sid        = "ListAccounts"
        actions    = ["cognito-idp:ListUsers"]
        resources  = [module.user_pool.user_pool_arn]
        conditions = []
      },
      {
        sid        = "CompareAndWriteUsers"
        actions    = ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Scan"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        # Nobody is written who is being erased. How far it has come is a row too.
        sid        = "WriteWelcomeAndProgress"
        actions    = ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
    ],
    local.table_key_statements,
  )

  api_statements = concat(
    [
      {
        sid        = "ReadAndChangeUser"
        actions    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        # Rows too: the job that erases a person, and whose a device is.
        sid        = "AskForErasureAndKeepDevices"
        actions    = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
      {
        sid        = "ReadHistory"
        actions    = ["dynamodb:Query"]
        resources  = [module.tables.by_user_index_arn]
        conditions = []
      },
      {
        sid        = "VerifyLinks"
        actions    = ["kms:VerifyMac"]
        resources  = [module.signing_key.key_arn]
        conditions = []
      },
    ],
    local.rate_statements,
    local.phone_statements,
    [for arns in local.push_arns : {
      sid        = "AddDevices"
      actions    = ["sns:CreatePlatformEndpoint"]
      resources  = values(var.push_application_arns)
      conditions = []
    }],
    [for arns in local.push_arns : {
      sid        = "KeepDevices"
      actions    = ["sns:DeleteEndpoint", "sns:SetEndpointAttributes"]
      resources  = arns
      conditions = []
    }],
    local.table_key_statements,
  )

  feedback_statements = concat(
    [
      {
        sid        = "StopEmailOfUser"
        actions    = ["dynamodb:UpdateItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        sid        = "RecordOnNotification"
        actions    = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
    ],
    local.table_key_statements,
  )

  # What delivering takes, whether the stream or the schedule asked for it.
  delivery_statements = concat(
    [
      {
        # Claim a row, record what came of it. An update returns the row: no read is needed.
        sid        = "ClaimAndRecordNotifications"
        actions    = ["dynamodb:UpdateItem"]
        resources  = [module.tables.notification_table_arn]
        conditions = []
      },
      {
        # Find the person's addresses and preferences, record their subscription and what is stopped.
        sid        = "ReadAndUpdateUsers"
        actions    = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
      {
        sid        = "SignLinks"
        actions    = ["kms:GenerateMac"]
        resources  = [module.signing_key.key_arn]
        conditions = []
      },
    ],
    local.rate_statements,
    local.phone_statements,
    [for arns in local.push_endpoint_arns : {
      sid        = "PublishToDevices"
      actions    = ["sns:Publish"]
      resources  = arns
      conditions = []
    }],
    var.email_delivery == "sns" ? local.sns_statements : [],
    var.email_delivery == "ses" ? local.ses_statements : [],
  )

  # Jobs and notifications that wait are found by the same index.
  due_statements = [{
    sid        = "FindWhatIsDue"
    actions    = ["dynamodb:Query"]
    resources  = [module.tables.due_index_arn]
    conditions = []
  }]

  rate_statements = [{
    sid        = "KeepToRates"
    actions    = ["dynamodb:UpdateItem"]
    resources  = [module.tables.channel_rate_table_arn]
    conditions = []
  }]

  phone_statements = [{
    sid           = "PublishToPhones"
    actions       = ["sns:Publish"]
    not_resources = ["arn:*:sns:*:*:*"]
    reason        = "A telephone number is no ARN. \"*\" would let every topic and device be published to."
    conditions    = []
  }]

  # As lists of lists, of which the outer is empty where there is no application: then there is nothing
  # to permit.
  push_endpoint_arns = [for arns in [[
    for arn in values(var.push_application_arns) : "${replace(arn, ":app/", ":endpoint/")}/*"
  ]] : arns if length(arns) > 0]

  # SNS checks the calls that make and change an endpoint against its application, or against itself.
  push_arns = [for arns in local.push_endpoint_arns : concat(values(var.push_application_arns), arns)]

  sns_statements = [
    {
      # SNS checks GetSubscriptionAttributes and Unsubscribe against the topic of the subscription.
      sid        = "PublishAndReadSubscriptions"
      actions    = ["sns:GetSubscriptionAttributes", "sns:Publish", "sns:Unsubscribe"]
      resources  = [module.topic.topic_arn]
      conditions = []
    },
    {
      sid        = "SubscribeByEmail"
      actions    = ["sns:Subscribe"]
      resources  = [module.topic.topic_arn]
      conditions = [{ test = "StringEquals", variable = "sns:Protocol", values = ["email"] }]
    },
  ]

  # SES checks the permission against the configuration set too.
  ses_statements = var.email_delivery != "ses" ? [] : [{
    sid        = "SendAsTheIdentity"
    actions    = ["ses:SendEmail"]
    resources  = [var.ses_identity.arn, module.ses_feedback[0].configuration_set_arn]
    conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = [var.ses_identity.from_address] }]
  }]

  # With a customer key, whoever uses a table, the topic or a queue needs the key, but only by way of them.
  key_statements = { for service, sid in { dynamodb = "UseKeyForTables", sns = "UseKeyForTopic", sqs = "UseKeyForQueues" } :
    service => var.kms_key_arn == null ? [] : [{
      sid        = sid
      actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources  = [var.kms_key_arn]
      conditions = [{ test = "StringEquals", variable = "kms:ViaService", values = ["${service}.${var.aws_region}.amazonaws.com"] }]
    }]
  }

  queue_key_statements = local.key_statements["sqs"]
  table_key_statements = local.key_statements["dynamodb"]
  topic_key_statements = var.email_delivery == "sns" ? local.key_statements["sns"] : []
}
