# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  name = "own"
  statements = [{
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = ["arn:aws:sns:eu-west-1:000000000000:news"]
  }]
}

run "a_wildcard_with_a_reason_is_taken" {
  command = plan

  variables {
    statements = [{ sid = "List", actions = ["sns:ListTopics"], resources = ["*"], reason = "It has no resource." }]
  }
}

run "refused" {
  command = plan

  variables {
    name       = "a role"
    path       = "registration"
    service    = "lambda"
    statements = []
  }

  expect_failures = [var.name, var.path, var.service, var.statements]
}

run "a_sid_with_a_hyphen_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "write-users", actions = ["dynamodb:PutItem"], resources = ["arn:aws:dynamodb:eu-west-1:000000000000:table/users"] }]
  }

  expect_failures = [var.statements]
}

run "a_sid_that_is_there_twice_is_refused" {
  command = plan

  variables {
    statements = [
      { sid = "One", actions = ["sns:Publish"], resources = ["arn:aws:sns:eu-west-1:000000000000:a"] },
      { sid = "One", actions = ["sns:Publish"], resources = ["arn:aws:sns:eu-west-1:000000000000:b"] },
    ]
  }

  expect_failures = [var.statements]
}

run "a_statement_without_actions_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = [], resources = ["arn:aws:sns:eu-west-1:000000000000:a"] }]
  }

  expect_failures = [var.statements]
}

run "a_statement_without_resources_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = ["sns:Publish"] }]
  }

  expect_failures = [var.statements]
}

run "a_wildcard_in_an_action_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = ["sns:*"], resources = ["arn:aws:sns:eu-west-1:000000000000:a"] }]
  }

  expect_failures = [var.statements]
}

run "a_wildcard_without_a_reason_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = ["sns:Publish"], resources = ["*"] }]
  }

  expect_failures = [var.statements]
}

run "an_empty_reason_is_none" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = ["sns:ListTopics"], resources = ["*"], reason = " " }]
  }

  expect_failures = [var.statements]
}

run "everything_but_something_without_a_reason_is_refused" {
  command = plan

  variables {
    statements = [{ sid = "One", actions = ["sns:Publish"], not_resources = ["arn:*:sns:*:*:*"] }]
  }

  expect_failures = [var.statements]
}
