mock_provider "aws" {
  override_resource {
    target = aws_iam_role.this
    values = { arn = "arn:aws:iam::000000000000:role/own" }
  }
}

variables {
  name = "own"
  statements = [{
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = ["arn:aws:sns:eu-west-1:000000000000:news"]
  }]
}

run "a_role_for_lambda_that_may_do_what_is_said" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy) == {
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "lambda.amazonaws.com" }
      }]
    }
    error_message = "Somebody else takes on the role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = ["arn:aws:sns:eu-west-1:000000000000:news"]
      }]
    }
    error_message = "The role may do something else."
  }

  assert {
    condition     = [output.arn, output.name] == ["arn:aws:iam::000000000000:role/own", "own"]
    error_message = "The outputs are not those of the role."
  }
}

run "conditions_are_grouped_as_iam_wants_them" {
  variables {
    statements = [
      {
        sid       = "Subscribe"
        actions   = ["sns:Subscribe"]
        resources = ["arn:aws:sns:eu-west-1:000000000000:news"]
        conditions = [
          { test = "StringEquals", variable = "sns:Protocol", values = ["email"] },
          { test = "StringEquals", variable = "aws:ResourceAccount", values = ["000000000000"] },
          { test = "Bool", variable = "aws:SecureTransport", values = ["true"] },
        ]
      },
      {
        sid           = "PublishToPhones"
        actions       = ["sns:Publish"]
        not_resources = ["arn:*:sns:*:*:*"]
        reason        = "A number is no ARN."
      },
    ]
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      {
        Sid      = "Subscribe"
        Effect   = "Allow"
        Action   = ["sns:Subscribe"]
        Resource = ["arn:aws:sns:eu-west-1:000000000000:news"]
        Condition = {
          StringEquals = { "sns:Protocol" = ["email"], "aws:ResourceAccount" = ["000000000000"] }
          Bool         = { "aws:SecureTransport" = ["true"] }
        }
      },
      {
        Sid         = "PublishToPhones"
        Effect      = "Allow"
        Action      = ["sns:Publish"]
        NotResource = ["arn:*:sns:*:*:*"]
      },
    ]
    error_message = "The policy says something else."
  }
}

run "a_service_is_bound_to_one_source" {
  variables {
    path                     = "/registration/"
    permissions_boundary_arn = "arn:aws:iam::000000000000:policy/boundary"
    service                  = "scheduler.amazonaws.com"
    trust                    = { source_account = "000000000000", source_arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/own" }
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = "000000000000" }
        ArnEquals    = { "aws:SourceArn" = var.trust.source_arn }
      }
    }]
    error_message = "The service acts for other sources too."
  }

  assert {
    condition     = aws_iam_role.this.path == "/registration/" && aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role has another path or boundary."
  }
}
