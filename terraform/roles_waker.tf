resource "aws_iam_role" "waker" {
  count = var.events_enabled ? 1 : 0

  name                 = "${var.name}-waker"
  description          = "The Lambda that starts the ingest of ${var.name}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags
  assume_role_policy   = local.trust.lambda
}

resource "aws_iam_role_policy" "waker" {
  count = var.events_enabled ? 1 : 0

  name = "waker"
  role = aws_iam_role.waker[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "Queue"
        Effect   = "Allow"
        Action   = "sqs:GetQueueAttributes"
        Resource = aws_sqs_queue.events[0].arn
      },
      {
        Sid      = "Runs"
        Effect   = "Allow"
        Action   = "glue:GetJobRuns"
        Resource = [for name in values(local.job_names) : "${local.catalog_arn}:job/${name}"]
      },
      {
        Sid      = "Start"
        Effect   = "Allow"
        Action   = "glue:StartJobRun"
        Resource = "${local.catalog_arn}:job/${local.job_names["ingest"]}"
      },
      {
        # https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html; the group is made here
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.waker[0].arn}:*"
      },
    ], local.log_key_statements)
  })
}
