output "configuration_set_arn" {
  description = "ARN of the configuration set to send with: the one that was given, or the one that was made."
  value       = local.configuration_set_arn
}

output "configuration_set_name" {
  description = "Name of that configuration set."
  value       = local.configuration_set_name
}
