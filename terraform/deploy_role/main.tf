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

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn == null ? aws_iam_openid_connect_provider.github[0].arn : var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:sub"
      values   = each.value
    }
  }
}

# The names do not begin with the prefix, so that neither role can change itself or the other.
resource "aws_iam_role" "deploy" {
  name               = "deploy-${var.name_prefix}"
  description        = "Deploys ${var.name_prefix} from the GitHub environment ${var.environment}."
  assume_role_policy = data.aws_iam_policy_document.trust["deploy"].json
}

resource "aws_iam_role" "plan" {
  name               = "plan-${var.name_prefix}"
  description        = "Plans ${var.name_prefix} and looks after it, and changes nothing."
  assume_role_policy = data.aws_iam_policy_document.trust["plan"].json
}

data "aws_iam_policy_document" "permissions" {
  for_each = merge(local.policies, {
    boundary = concat(local.boundary, [for statement in local.boundary_of_customer_key : statement if var.kms_key_arn != null])
  })

  dynamic "statement" {
    for_each = each.value

    content {
      sid           = statement.value.sid
      actions       = statement.value.actions
      resources     = try(statement.value.resources, null)
      not_resources = try(statement.value.not_resources, null)

      dynamic "condition" {
        for_each = try(statement.value.conditions, [])

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${each.key}-${var.name_prefix}"
  description = "Part of what it takes to plan and deploy ${var.name_prefix}."
  policy      = data.aws_iam_policy_document.permissions[each.key].minified_json
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
  policy      = data.aws_iam_policy_document.permissions["boundary"].minified_json
}
