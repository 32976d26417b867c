# The emulator on this machine. Its account is always 000000000000, so an apply with these settings
# can reach no real account.
allowed_account_ids = ["000000000000"]
aws_region          = "eu-west-1"
deletion_protection = false
log_retention_days  = 1
name_prefix         = "registration-local"
