# What is changed, and what is deleted, behind Terraform's back (state.json is what it knows); and what is there
# and not Terraform's yet.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

resource "aws_cloudwatch_log_group" "changed" {
  name              = "changed"
  retention_in_days = 7
}

resource "aws_cloudwatch_log_group" "changed_as_meant" {
  name              = "changed-as-meant"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_group" "deleted" {
  name = "deleted"
}

import {
  to = aws_cloudwatch_log_group.imported
  id = "imported"
}

resource "aws_cloudwatch_log_group" "imported" {
  name = "imported"
}

import {
  to = aws_cloudwatch_log_group.imported_changed
  id = "imported-changed"
}

resource "aws_cloudwatch_log_group" "imported_changed" {
  name              = "imported-changed"
  retention_in_days = 90
}
