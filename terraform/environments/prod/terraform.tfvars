# The real thing. SNS serves up to 200 people: see ses_identity and email_delivery for more.
# Name the account here, so that other credentials in the shell cannot send this to the wrong one:
# allowed_account_ids = ["123456789012"]
aws_region          = "eu-west-1"
deletion_protection = true
log_retention_days  = 365
name_prefix         = "registration"
