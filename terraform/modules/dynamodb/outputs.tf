output "by_user_index_arn" {
  description = "ARN of the index ByUser: a person's notifications."
  value       = "${aws_dynamodb_table.notifications.arn}/index/ByUser"
}

output "channel_rate_table_arn" {
  description = "ARN of the table of channels' rates."
  value       = aws_dynamodb_table.channel_rates.arn
}

output "channel_rate_table_name" {
  description = "Name of the table of channels' rates."
  value       = aws_dynamodb_table.channel_rates.name
}

output "due_index_arn" {
  description = "ARN of the sparse index Due, which what waits is found by."
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
