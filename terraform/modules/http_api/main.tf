resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = var.description
  protocol_type = "HTTP"

  # Without it API Gateway answers no preflight, and browsers keep other sites' scripts out.
  dynamic "cors_configuration" {
    for_each = length(var.cors_origins) == 0 ? [] : [var.cors_origins]

    content {
      allow_headers = ["authorization", "content-type"]
      allow_methods = distinct([for route in concat(var.routes, var.public_routes) : split(" ", route)[0]])
      allow_origins = cors_configuration.value
      max_age       = 600
    }
  }
}

# API Gateway itself checks signature, expiry, issuer and client of the token, before the function runs.
resource "aws_apigatewayv2_authorizer" "this" {
  name             = "user-pool"
  api_id           = aws_apigatewayv2_api.this.id
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    audience = var.jwt.audience
    issuer   = var.jwt.issuer
  }
}

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = var.function.arn
  payload_format_version = "2.0"
}

# Every route is named: what is not named is 404, and is not let in by chance.
resource "aws_apigatewayv2_route" "protected" {
  for_each = toset(var.routes)

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.value
  authorization_type = "JWT"
  authorizer_id      = aws_apigatewayv2_authorizer.this.id
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_apigatewayv2_route" "public" {
  #checkov:skip=CKV_AWS_309:Only routes that are named as public; the function checks what a caller brings.

  for_each = toset(var.public_routes)

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.value
  authorization_type = "NONE"
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
}

# Groups below /aws/vendedlogs/ take no room in the account's one policy for log deliveries.
resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_338:Each environment says how long its logs are kept.

  name              = "/aws/vendedlogs/${var.name}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_apigatewayv2_stage" "default" {
  name        = "$default"
  api_id      = aws_apigatewayv2_api.this.id
  auto_deploy = true

  # Nothing of the person: no address, no path or query (a link's token is in it), no claims.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn

    format = jsonencode({
      integrationError = "$context.integrationErrorMessage"
      latency          = "$context.responseLatency"
      requestId        = "$context.requestId"
      route            = "$context.routeKey"
      status           = "$context.status"
    })
  }

  default_route_settings {
    throttling_burst_limit = var.throttle.burst
    throttling_rate_limit  = var.throttle.rate
  }
}

# Without it API Gateway cannot call the function. This API, in this stage, and no other. An alias has a policy
# of its own: what the function's says is not for it.
resource "aws_lambda_permission" "this" {
  statement_id  = "AllowHttpApi"
  action        = "lambda:InvokeFunction"
  function_name = var.function.name
  qualifier     = try(split(":", var.function.arn)[7], null)
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_stage.default.execution_arn}/*/*"
}
