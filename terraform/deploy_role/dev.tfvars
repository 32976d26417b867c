# Which repository may plan and deploy this environment (owner/name):
# github_repository = "example/registration"
data_deletion = true
