output "refused_queue_arn" {
  description = "ARN of the queue of what was refused."
  value       = aws_sqs_queue.refused.arn
}

output "refused_queue_url" {
  description = "URL of that queue."
  value       = aws_sqs_queue.refused.url
}

output "request_queue_arn" {
  description = "ARN of the queue of requests."
  value       = aws_sqs_queue.requests.arn
}

output "request_queue_url" {
  description = "URL of that queue, for applications."
  value       = aws_sqs_queue.requests.url
}
