# State in the emulator, which goes when the emulator goes. The bucket is not here, as for every
# environment: its name holds the account id, and is given with -backend-config=bucket=….
key          = "registration-local/terraform.tfstate"
region       = "eu-west-1"
encrypt      = true
use_lockfile = true

# What the emulator needs. The endpoint itself comes from AWS_ENDPOINT_URL.
skip_metadata_api_check = true
use_path_style          = true
