output "due_index_arn" {
  description = "ARN of the sparse index Due, which the sweep queries."
  value       = "${aws_dynamodb_table.notifications.arn}/index/Due"
}

output "notification_stream_arn" {
  description = "ARN of the stream of the notifications table."
  value       = aws_dynamodb_table.notifications.stream_arn
}

output "notification_table_arn" {
  description = "ARN of the notifications table."
  value       = aws_dynamodb_table.notifications.arn
}

output "notification_table_name" {
  description = "Name of the notifications table."
  value       = aws_dynamodb_table.notifications.name
}

output "user_table_arn" {
  description = "ARN of the table of users."
  value       = aws_dynamodb_table.users.arn
}

output "user_table_name" {
  description = "Name of the table of users."
  value       = aws_dynamodb_table.users.name
}
