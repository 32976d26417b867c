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
    [{
      sid        = "FindDueNotifications"
      actions    = ["dynamodb:Query"]
      resources  = [module.tables.due_index_arn]
      conditions = []
    }],
    local.table_key_statements,
    local.topic_key_statements,
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
        # Find the person's address and preference, record their subscription.
        sid        = "ReadAndUpdateUsers"
        actions    = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        resources  = [module.tables.user_table_arn]
        conditions = []
      },
    ],
    var.email_delivery == "sns" ? local.sns_statements : [],
    var.email_delivery == "ses" ? local.ses_statements : [],
  )

  sns_statements = [
    {
      # SNS checks GetSubscriptionAttributes against the topic of the subscription.
      sid        = "PublishAndReadSubscriptions"
      actions    = ["sns:GetSubscriptionAttributes", "sns:Publish"]
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

  ses_statements = var.ses_identity == null ? [] : [{
    sid        = "SendAsTheIdentity"
    actions    = ["ses:SendEmail"]
    resources  = concat([var.ses_identity.arn], local.ses_configuration_set_arns)
    conditions = [{ test = "StringEquals", variable = "ses:FromAddress", values = [var.ses_identity.from_address] }]
  }]

  # Where a configuration set applies, SES checks the permission against it too. It lives beside the
  # identity.
  ses_configuration_set_arns = try(var.ses_identity.configuration_set, null) == null ? [] : [
    "${split(":identity/", var.ses_identity.arn)[0]}:configuration-set/${var.ses_identity.configuration_set}"
  ]

  # With a customer key, whoever uses a table or the topic needs the key, but only by way of them.
  table_key_statements = var.kms_key_arn == null ? [] : [{
    sid        = "UseKeyForTables"
    actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources  = [var.kms_key_arn]
    conditions = [{ test = "StringEquals", variable = "kms:ViaService", values = ["dynamodb.${var.aws_region}.amazonaws.com"] }]
  }]

  topic_key_statements = var.kms_key_arn == null || var.email_delivery != "sns" ? [] : [{
    sid        = "UseKeyForTopic"
    actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources  = [var.kms_key_arn]
    conditions = [{ test = "StringEquals", variable = "kms:ViaService", values = ["sns.${var.aws_region}.amazonaws.com"] }]
  }]
}
