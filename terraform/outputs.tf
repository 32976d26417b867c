output "api_endpoint" {
  description = "URL of the HTTP API, for the application's pages. The paths are in lambda/notifications/openapi.json."
  value       = module.http_api.api_endpoint
}

output "aws_region" {
  description = "Region that this is deployed to."
  value       = var.aws_region
}

output "channel_rate_table_name" {
  description = "Name of the table that keeps channels to their rates."
  value       = module.tables.channel_rate_table_name
}

output "delivery_failure_queue_url" {
  description = "URL of the queue of stream batches that `deliver` could not process. It should be empty."
  value       = module.deliver.failure_queue_url
}

output "email_delivery" {
  description = "How e-mail goes out: sns or ses."
  value       = var.email_delivery
}

output "existing_user_pool" {
  description = "Whether the user pool is one that there was already, to which `make attach-trigger` gives the trigger."
  value       = var.existing_user_pool != null
}

output "function_alias" {
  description = "Name of the functions' alias: what calls a function calls the version that this one points to."
  value       = module.post_confirmation.alias_name
}

output "function_names" {
  description = "Names of the functions, by handler; feedback is there when email_delivery is ses, reconcile when reconcile_every_hours is set."
  value = merge(
    {
      api               = module.api.name
      broadcast         = module.broadcast.name
      deliver           = module.deliver.name
      enqueue           = module.enqueue.name
      erase             = module.erase.name
      post_confirmation = module.post_confirmation.name
      sweep             = module.sweep.name
    },
    { for function in module.feedback : "feedback" => function.name },
    { for function in module.reconcile : "reconcile" => function.name },
  )
}

output "notification_queue_url" {
  description = "URL of the queue where applications ask for notifications."
  value       = module.queues.request_queue_url
}

output "notification_table_name" {
  description = "Name of the table of notifications."
  value       = module.tables.notification_table_name
}

output "notification_topic_arn" {
  description = "ARN of the topic that e-mail goes out by when email_delivery is sns."
  value       = module.topic.topic_arn
}

output "post_confirmation_arn" {
  description = "ARN of the function that the user pool is to call when a person has confirmed."
  value       = module.post_confirmation.arn
}

output "refused_queue_url" {
  description = "URL of the queue of requests that were refused, each with its reason, and of what SES told that could not be taken."
  value       = module.queues.refused_queue_url
}

output "ses_identity_arn" {
  description = "ARN of the SES identity that mails go out from; null where there is none."
  value       = try(var.ses_identity.arn, null)
}

output "signing_key_arn" {
  description = "ARN of the KMS key that signs links to unsubscribe."
  value       = module.signing_key.key_arn
}

output "user_pool_client_id" {
  description = "Id of the public app client, for the application that signs people up and in; of an existing pool the first."
  value       = module.user_pool.user_pool_client_ids[0]
}

output "user_pool_id" {
  description = "Id of the user pool."
  value       = module.user_pool.user_pool_id
}

output "user_table_name" {
  description = "Name of the table of users."
  value       = module.tables.user_table_name
}
