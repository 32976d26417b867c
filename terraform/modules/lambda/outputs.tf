output "alias_name" {
  description = "Name of the alias that everything calls."
  value       = aws_lambda_alias.live.name
}

output "arn" {
  description = "ARN of the alias: what to call the function by."
  value       = aws_lambda_alias.live.arn
}

output "failure_queue_arn" {
  description = "ARN of the queue of batches that could not be processed; null without a stream."
  value       = one(aws_sqs_queue.failed[*].arn)
}

output "failure_queue_url" {
  description = "URL of that queue; null without a stream."
  value       = one(aws_sqs_queue.failed[*].url)
}

output "log_group_name" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "role_arn" {
  description = "ARN of the execution role, known once the role has its permissions."
  value       = module.role.arn
}

output "role_name" {
  description = "Name of the execution role."
  value       = module.role.name
}
