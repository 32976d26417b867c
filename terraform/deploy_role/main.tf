data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  github = "token.actions.githubusercontent.com"

  # https://docs.github.com calls these the subject of a token: where a job runs.
  subjects = {
    deploy = ["repo:${var.github_repository}:environment:${var.environment}"]
    plan = [
      "repo:${var.github_repository}:pull_request",
      "repo:${var.github_repository}:ref:refs/heads/${var.branch}",
    ]
  }

  trust = { for role, subjects in local.subjects : role => {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = coalesce(var.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn)) }
      Condition = { StringEquals = { "${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = subjects } }
    }]
  } }

  # Who deploys may also look. One policy for each, since a policy has room for 6,144 characters.
  policies = {
    "plan-read-state-and-roles" = local.read_state_and_roles
    "plan-read-functions"       = local.read_functions
    "plan-read-data"            = local.read_data
    "deploy-roles"              = local.write_state_and_roles
    "deploy-functions"          = local.write_functions
    "deploy-data" = concat(
      local.write_data,
      [for statement in local.use_customer_key : statement if var.kms_key_arn != null],
      [for statement in local.delete_data : statement if var.data_deletion],
    )
  }

  # As IAM has them: `reason` and `unseen` stay here.
  statements = { for name, statements in merge(local.policies, {
    boundary = concat(local.boundary, [for statement in local.boundary_of_customer_key : statement if var.kms_key_arn != null])
    }) : name => [for statement in statements : merge(
    { Sid = statement.sid, Effect = "Allow", Action = statement.actions },
    { for element, key in { Condition = "conditions", NotResource = "not_resources", Resource = "resources" } : element => statement[key] if can(statement[key]) },
  )] }

  attachments = merge(
    { for name in keys(local.policies) : "deploy/${name}" => { role = aws_iam_role.deploy.name, policy = name } },
    { for name in keys(local.policies) : "plan/${name}" => { role = aws_iam_role.plan.name, policy = name }
    if startswith(name, "plan-") },
  )
}

# GitHub's keys are vouched for by AWS's own list of certificate authorities: no thumbprint is needed.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

# The names do not begin with the prefix, so that neither role can change itself or the other.
resource "aws_iam_role" "deploy" {
  name               = "deploy-${var.name_prefix}"
  description        = "Deploys ${var.name_prefix} from the GitHub environment ${var.environment}."
  assume_role_policy = jsonencode(local.trust["deploy"])
}

resource "aws_iam_role" "plan" {
  name               = "plan-${var.name_prefix}"
  description        = "Plans ${var.name_prefix} and looks after it, and changes nothing."
  assume_role_policy = jsonencode(local.trust["plan"])
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${each.key}-${var.name_prefix}"
  description = "Part of what it takes to plan and deploy ${var.name_prefix}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attachments

  role       = each.value.role
  policy_arn = aws_iam_policy.this[each.value.policy].arn
}

# Whoever may make roles may else give them everything, and so have it.
resource "aws_iam_policy" "boundary" {
  name        = "boundary-${var.name_prefix}"
  description = "What the roles of ${var.name_prefix} may ever do, whatever their own policies say."
  policy      = jsonencode({ Version = "2012-10-17", Statement = local.statements["boundary"] })
}
