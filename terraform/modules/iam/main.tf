locals {
  # Conditions are written as a list, since that is easy to read and to check; IAM wants them
  # grouped: { test = { variable = values } }.
  conditions = { for statement in var.statements : statement.sid => {
    for test in distinct(statement.conditions[*].test) : test => {
      for condition in statement.conditions : condition.variable => condition.values if condition.test == test
    }
  } }

  statements = [for statement in var.statements : merge(
    {
      Sid    = statement.sid
      Effect = "Allow"
      Action = statement.actions
    },
    length(statement.resources) == 0 ? {} : { Resource = statement.resources },
    length(statement.not_resources) == 0 ? {} : { NotResource = statement.not_resources },
    length(statement.conditions) == 0 ? {} : { Condition = local.conditions[statement.sid] },
  )]

  trust_condition = merge(
    var.trust.source_account == null ? {} : { StringEquals = { "aws:SourceAccount" = var.trust.source_account } },
    var.trust.source_arn == null ? {} : { ArnEquals = { "aws:SourceArn" = var.trust.source_arn } },
  )
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = var.description
  path                 = var.path
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      {
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = var.service }
      },
      length(local.trust_condition) == 0 ? {} : { Condition = local.trust_condition },
    )]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "permissions"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements
  })
}
