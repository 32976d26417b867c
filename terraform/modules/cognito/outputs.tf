output "issuer" {
  description = "Who issues the pool's tokens: the URL in their claim iss."
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}

output "user_pool_arn" {
  description = "ARN of the user pool."
  value       = aws_cognito_user_pool.this.arn
}

output "user_pool_client_id" {
  description = "Id of the public app client."
  value       = aws_cognito_user_pool_client.app.id
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = aws_cognito_user_pool.this.id
}
