output "api_endpoint" {
  description = "Where the API is: the URL that its paths are put behind."
  value       = aws_apigatewayv2_api.this.api_endpoint
}
