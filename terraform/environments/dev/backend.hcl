# The bucket is not here: names of buckets are global, so it is made of the name prefix and the
# account id, and given with -backend-config=bucket=….
key          = "registration-dev/terraform.tfstate"
region       = "eu-west-1"
encrypt      = true
use_lockfile = true
