# For the tests, which deploy as GitHub would.
github_repository = "example/registration"
data_deletion     = true
