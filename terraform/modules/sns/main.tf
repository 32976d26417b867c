resource "aws_sns_topic" "notifications" {
  name              = "${var.name_prefix}-notifications"
  kms_master_key_id = var.kms_key_arn
}

# The policy grants nothing: what a publisher may do is said by its own role. It only shuts everybody
# else out, whatever their role says, because a subscription without a filter policy would receive
# every person's mail. Services have no aws:PrincipalArn, so they are shut out as well.
resource "aws_sns_topic_policy" "notifications" {
  arn = aws_sns_topic.notifications.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyThePublishers"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["sns:Publish", "sns:Subscribe"]
      Resource  = aws_sns_topic.notifications.arn
      Condition = { ArnNotEquals = { "aws:PrincipalArn" = var.publisher_arns } }
    }]
  })
}
