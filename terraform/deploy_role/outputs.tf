output "deploy_role_arn" {
  description = "ARN of the role that deploys, once it has its permissions."
  value       = aws_iam_role.this["deploy"].arn
  depends_on  = [aws_iam_role_policy_attachment.this]
}

output "look_role_arn" {
  description = "ARN of the role that plans, and looks at what the stack does, once it has its permissions."
  value       = aws_iam_role.this["look"].arn
  depends_on  = [aws_iam_role_policy_attachment.this]
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that bounds the roles of the stack: give it to the stack as permissions_boundary_arn."
  value       = aws_iam_policy.boundary.arn
}

output "plan_role_arn" {
  description = "ARN of the role that plans, for pull requests, once it has its permissions."
  value       = aws_iam_role.this["plan"].arn
  depends_on  = [aws_iam_role_policy_attachment.this]
}
