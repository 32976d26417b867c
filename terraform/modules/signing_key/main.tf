# An HMAC key: KMS signs and verifies, and nobody ever holds the secret. KMS rotates no keys of this kind.
resource "aws_kms_key" "this" {
  description              = "Signs the links of ${var.name_prefix} that work without signing in."
  customer_master_key_spec = "HMAC_256"
  deletion_window_in_days  = var.deletion_window_days
  key_usage                = "GENERATE_VERIFY_MAC"
}

# Apart from the key, since the roles need the key's ARN and this the roles'. The account can look after
# the key; to sign and to verify is for these roles alone, and only if their own permissions say so too.
resource "aws_kms_key_policy" "this" {
  key_id = aws_kms_key.this.key_id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountLooksAfterTheKey"
        Effect    = "Allow"
        Principal = { AWS = local.account }
        # no kms:CreateGrant: with a grant anybody could sign
        Action = [
          "kms:CancelKeyDeletion",
          "kms:CreateAlias",
          "kms:DeleteAlias",
          "kms:Describe*",
          "kms:Disable*",
          "kms:Enable*",
          "kms:Get*",
          "kms:List*",
          "kms:Put*",
          "kms:Revoke*",
          "kms:ScheduleKeyDeletion",
          "kms:TagResource",
          "kms:UntagResource",
          "kms:Update*",
        ]
        Resource = "*"
      },
      {
        Sid       = "SignersSign"
        Effect    = "Allow"
        Principal = { AWS = local.account }
        Action    = "kms:GenerateMac"
        Resource  = "*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = var.signer_arns } }
      },
      {
        Sid       = "VerifiersVerify"
        Effect    = "Allow"
        Principal = { AWS = local.account }
        Action    = "kms:VerifyMac"
        Resource  = "*"
        Condition = { ArnEquals = { "aws:PrincipalArn" = var.verifier_arns } }
      },
    ]
  })
}

locals {
  key_arn = split(":", aws_kms_key.this.arn)

  # It stands for whatever IAM lets do something, not for the root user alone.
  account = "arn:${local.key_arn[1]}:iam::${local.key_arn[4]}:root"
}
