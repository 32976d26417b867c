output "issuer" {
  description = "Who issues the pool's tokens: the URL in their claim iss."
  value       = local.user_pool.issuer
}

output "post_confirmation_arn" {
  description = "ARN of the function that the pool calls when a person has confirmed; null where it calls none."
  value       = local.user_pool.post_confirmation
}

output "user_pool_arn" {
  description = "ARN of the user pool."
  value       = local.user_pool.arn
}

output "user_pool_client_ids" {
  description = "Ids of the app clients: the one that was made, or those of existing_user_pool."
  value       = local.user_pool.client_ids
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = local.user_pool.id
}
