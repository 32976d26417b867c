# What may not be asked for. It looks at variables alone: where there is nothing but them, no provider is loaded.

mock_provider "aws" {}

variables {
  function      = { arn = "arn:aws:lambda:eu-west-1:000000000000:function:api:live", name = "api" }
  jwt           = { audience = ["app"], issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool" }
  name          = "prod"
  public_routes = ["GET /unsubscribe"]
  routes        = ["GET /me", "DELETE /me"]
}

run "refused" {
  command = plan

  variables {
    cors_origins  = ["*"]
    jwt           = { audience = [], issuer = "https://example.com" }
    kms_key_arn   = "alias/own"
    name          = "an api"
    public_routes = ["ANY /all"]
    routes        = ["/me"]
    throttle      = { rate = 0 }
  }

  expect_failures = [
    var.cors_origins,
    var.jwt,
    var.kms_key_arn,
    var.name,
    var.public_routes,
    var.routes,
    var.throttle,
  ]
}

run "refused_too" {
  command = plan

  variables {
    cors_origins = ["https://example.com/app"]
    jwt          = { audience = ["app"], issuer = "pool" }
    routes       = ["GET me"]
    throttle     = { burst = 0.5 }
  }

  expect_failures = [var.cors_origins, var.jwt, var.routes, var.throttle]
}
