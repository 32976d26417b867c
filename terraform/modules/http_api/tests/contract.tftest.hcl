mock_provider "aws" {
  override_resource {
    target = aws_apigatewayv2_api.this
    values = { api_endpoint = "https://own.execute-api.eu-west-1.amazonaws.com", id = "own" }
  }

  override_resource {
    target = aws_apigatewayv2_authorizer.this
    values = { id = "pool" }
  }

  override_resource {
    target = aws_apigatewayv2_integration.this
    values = { id = "function" }
  }

  override_resource {
    target = aws_apigatewayv2_stage.default
    values = { execution_arn = "arn:aws:execute-api:eu-west-1:000000000000:own/$default" }
  }

  override_resource {
    target = aws_cloudwatch_log_group.access
    values = { arn = "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/vendedlogs/prod" }
  }
}

variables {
  function      = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:api:live", name = "api" }
  jwt           = { audience = ["app"], issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool" }
  name          = "prod"
  public_routes = ["GET /unsubscribe"]
  routes        = ["GET /me", "DELETE /me"]
}

run "routes_want_a_token_of_the_pool_unless_they_are_public" {
  assert {
    condition = { for route in aws_apigatewayv2_route.protected : route.route_key => [route.authorization_type, route.authorizer_id, route.target] } == {
      "GET /me"    = ["JWT", "pool", "integrations/function"]
      "DELETE /me" = ["JWT", "pool", "integrations/function"]
    }
    error_message = "A route is missing, or is open."
  }

  assert {
    condition = { for route in aws_apigatewayv2_route.public : route.route_key => [route.authorization_type, route.target] } == {
      "GET /unsubscribe" = ["NONE", "integrations/function"]
    }
    error_message = "Other routes are public."
  }

  assert {
    condition = alltrue([
      aws_apigatewayv2_authorizer.this.authorizer_type == "JWT",
      aws_apigatewayv2_authorizer.this.identity_sources == toset(["$request.header.Authorization"]),
      aws_apigatewayv2_authorizer.this.jwt_configuration[0].audience == toset(["app"]),
      aws_apigatewayv2_authorizer.this.jwt_configuration[0].issuer == var.jwt.issuer,
    ])
    error_message = "Tokens of others are let in."
  }
}

run "this_api_alone_calls_the_function" {
  assert {
    condition = alltrue([
      aws_apigatewayv2_api.this.protocol_type == "HTTP",
      aws_apigatewayv2_integration.this.integration_method == "POST",
      aws_apigatewayv2_integration.this.integration_type == "AWS_PROXY",
      aws_apigatewayv2_integration.this.integration_uri == var.function.arn,
      aws_apigatewayv2_integration.this.payload_format_version == "2.0",
      aws_lambda_permission.this.function_name == "api",
      aws_lambda_permission.this.qualifier == "live",
      aws_lambda_permission.this.principal == "apigateway.amazonaws.com",
      aws_lambda_permission.this.source_arn == "arn:aws:execute-api:eu-west-1:000000000000:own/$default/*/*",
    ])
    error_message = "Another API may call, or another function is called."
  }

  assert {
    condition     = output.api_endpoint == "https://own.execute-api.eu-west-1.amazonaws.com"
    error_message = "The output is not the API's address."
  }
}

run "calls_are_throttled_and_logged_without_what_is_personal" {
  assert {
    condition     = aws_apigatewayv2_stage.default.auto_deploy && aws_apigatewayv2_stage.default.name == "$default"
    error_message = "Routes are not there until somebody deploys them, or are below another path."
  }

  assert {
    condition     = [aws_apigatewayv2_stage.default.default_route_settings[0].throttling_rate_limit, aws_apigatewayv2_stage.default.default_route_settings[0].throttling_burst_limit] == [50, 100]
    error_message = "Other numbers of calls are let through."
  }

  assert {
    condition = toset(values(jsondecode(aws_apigatewayv2_stage.default.access_log_settings[0].format))) == toset([
      "$context.integrationErrorMessage", "$context.requestId", "$context.responseLatency", "$context.routeKey", "$context.status",
    ])
    error_message = "Something else is logged."
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.retention_in_days == 30 && length(aws_apigatewayv2_api.this.cors_configuration) == 0
    error_message = "The log is kept for another time, or other sites are let in."
  }
}

run "sites_that_are_named_are_let_in" {
  variables {
    cors_origins       = ["https://app.example.com"]
    kms_key_arn        = "arn:aws:kms:eu-west-1:000000000000:key/own"
    log_retention_days = 7
    throttle           = { rate = 5 }
  }

  assert {
    condition = alltrue([
      aws_apigatewayv2_api.this.cors_configuration[0].allow_origins == toset(["https://app.example.com"]),
      aws_apigatewayv2_api.this.cors_configuration[0].allow_methods == toset(["DELETE", "GET"]),
      aws_apigatewayv2_api.this.cors_configuration[0].allow_headers == toset(["authorization", "content-type"]),
      !coalesce(aws_apigatewayv2_api.this.cors_configuration[0].allow_credentials, false),
    ])
    error_message = "Other sites are let in, or for more."
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.retention_in_days == 7 && aws_cloudwatch_log_group.access.kms_key_id == var.kms_key_arn
    error_message = "The log is kept in another way."
  }

  assert {
    condition     = [aws_apigatewayv2_stage.default.default_route_settings[0].throttling_rate_limit, aws_apigatewayv2_stage.default.default_route_settings[0].throttling_burst_limit] == [5, 100]
    error_message = "Other numbers of calls are let through."
  }
}
