mock_provider "aws" {
  override_resource {
    target = aws_kms_key.this
    values = { arn = "arn:aws:kms:eu-west-1:000000000000:key/own", key_id = "own" }
  }
}

variables {
  name_prefix   = "prod"
  signer_arns   = ["arn:aws:iam::000000000000:role/deliver"]
  verifier_arns = ["arn:aws:iam::000000000000:role/api"]
}

run "an_hmac_key_that_signers_sign_and_verifiers_verify_with" {
  assert {
    condition = alltrue([
      aws_kms_key.this.customer_master_key_spec == "HMAC_256",
      aws_kms_key.this.key_usage == "GENERATE_VERIFY_MAC",
      aws_kms_key.this.deletion_window_in_days == 30,
    ])
    error_message = "It is no HMAC key, or cannot be had back for 30 days."
  }

  assert {
    condition = { for statement in jsondecode(aws_kms_key_policy.this.policy).Statement : statement.Sid => [statement.Action, statement.Condition] if can(statement.Condition) } == {
      SignersSign     = ["kms:GenerateMac", { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::000000000000:role/deliver"] } }]
      VerifiersVerify = ["kms:VerifyMac", { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::000000000000:role/api"] } }]
    }
    error_message = "Others sign or verify."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key_policy.this.policy).Statement :
      [statement.Effect, statement.Principal, statement.Resource] == ["Allow", { AWS = "arn:aws:iam::000000000000:root" }, "*"]
    ])
    error_message = "The key is somebody else's."
  }

  # a grant would let anybody sign
  assert {
    condition = length(setintersection(
      ["kms:*", "kms:Create*", "kms:CreateGrant", "kms:Generate*", "kms:GenerateMac", "kms:Verify*", "kms:VerifyMac"],
      [for statement in jsondecode(aws_kms_key_policy.this.policy).Statement : statement.Action if statement.Sid == "AccountLooksAfterTheKey"][0],
    )) == 0
    error_message = "The account may use the key, or grant its use."
  }

  assert {
    condition     = output.key_arn == "arn:aws:kms:eu-west-1:000000000000:key/own"
    error_message = "The output is not the key's ARN."
  }
}

run "it_can_be_gone_sooner" {
  variables {
    deletion_window_days = 7
  }

  assert {
    condition     = aws_kms_key.this.deletion_window_in_days == 7
    error_message = "It can be had back for another time."
  }
}
