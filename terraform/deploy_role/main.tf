data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  github  = "token.actions.githubusercontent.com"
  subject = "repo:${var.github_repository}"

  # subject: where a job must run, as GitHub says it in the job's token ("OpenID Connect reference").
  roles = {
    deploy = {
      description = "Deploys ${var.name_prefix} from the GitHub environment ${var.environment}."
      subject     = "${local.subject}:environment:${var.environment}"
      policies    = ["plan-state-and-roles", "plan-functions", "plan-data", "deploy-state-and-roles", "deploy-functions", "deploy-data"]
    }
    look = {
      description = "Plans ${var.name_prefix}, looks at what it does, and changes nothing."
      subject     = "${local.subject}:ref:refs/heads/${var.branch}"
      policies    = ["plan-state-and-roles", "plan-functions", "plan-data", "look"]
    }
    # What runs with it comes from pull requests: it sees how the stack is made, and nothing of what is in it.
    plan = {
      description = "Plans ${var.name_prefix} for pull requests, and changes nothing."
      subject     = "${local.subject}:pull_request"
      policies    = ["plan-state-and-roles", "plan-functions", "plan-data"]
    }
  }

  # Several, since a policy has room for 6,144 characters.
  policies = {
    "plan-state-and-roles"   = local.plan_state_and_roles
    "plan-functions"         = local.plan_functions
    "plan-data"              = local.plan_data
    "look"                   = local.look
    "deploy-state-and-roles" = local.deploy_state_and_roles
    "deploy-functions"       = local.deploy_functions
    "deploy-data"            = concat(local.deploy_data, [for statement in local.delete_data : statement if var.data_deletion])
  }

  # As IAM has them: `reason` and `unseen` stay here, and so does what is of nothing that there is.
  documents = { for name, statements in merge(local.policies, { boundary = local.boundary }) : name => jsonencode({
    Version = "2012-10-17"
    Statement = [for statement in statements : merge(
      { Sid = statement.sid, Effect = "Allow", Action = statement.actions },
      { for element, key in { Condition = "conditions", NotResource = "not_resources", Resource = "resources" } : element => statement[key] if can(statement[key]) },
    ) if try(length(statement.resources) > 0, true)]
  }) }

  attachments = merge([for role, settings in local.roles : {
    for policy in settings.policies : "${role}/${policy}" => { role = role, policy = policy }
  }]...)
}

# GitHub's keys are vouched for by AWS's own list of certificate authorities: no thumbprint is needed.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

# The names do not begin with the prefix, so that no role can change itself or another of these.
resource "aws_iam_role" "this" {
  for_each = local.roles

  name        = "${each.key}-${var.name_prefix}"
  description = each.value.description

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = coalesce(var.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn)) }
      Condition = { StringEquals = { "${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = each.value.subject } }
    }]
  })
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${each.key}-${var.name_prefix}"
  description = "Part of what it takes to plan, look at or deploy ${var.name_prefix}."
  policy      = local.documents[each.key]
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attachments

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.value.policy].arn
}

# Whoever may make roles may else give them everything, and so have it.
resource "aws_iam_policy" "boundary" {
  name        = "boundary-${var.name_prefix}"
  description = "What the roles of ${var.name_prefix} may ever do, whatever their own policies say."
  policy      = local.documents["boundary"]
}
