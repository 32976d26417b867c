# For the team's own account: quick to take down again.
# Name the account here, so that other credentials in the shell cannot send this to the wrong one:
# allowed_account_ids = ["123456789012"]
aws_region          = "eu-west-1"
deletion_protection = false
log_retention_days  = 14
name_prefix         = "registration-dev"
