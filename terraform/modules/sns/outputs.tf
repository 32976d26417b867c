output "topic_arn" {
  description = "ARN of the topic."
  value       = aws_sns_topic.notifications.arn
}

output "topic_name" {
  description = "Name of the topic."
  value       = aws_sns_topic.notifications.name
}
