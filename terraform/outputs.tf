output "aws_region" {
  description = "Region that this is deployed to."
  value       = var.aws_region
}

output "delivery_failure_queue_url" {
  description = "URL of the queue of stream batches that `deliver` could not process. It should be empty."
  value       = module.deliver.failure_queue_url
}

output "email_delivery" {
  description = "How e-mail goes out: sns or ses."
  value       = var.email_delivery
}

output "function_names" {
  description = "Names of the functions, by handler."
  value = {
    deliver           = module.deliver.name
    post_confirmation = module.post_confirmation.name
    sweep             = module.sweep.name
  }
}

output "notification_table_name" {
  description = "Name of the table of notifications."
  value       = module.tables.notification_table_name
}

output "notification_topic_arn" {
  description = "ARN of the topic that e-mail goes out by when email_delivery is sns."
  value       = module.topic.topic_arn
}

output "user_pool_client_id" {
  description = "Id of the public app client, for the application that signs people up and in."
  value       = module.user_pool.user_pool_client_id
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.user_pool.user_pool_id
}

output "user_table_name" {
  description = "Name of the table of users."
  value       = module.tables.user_table_name
}
