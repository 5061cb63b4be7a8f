# S3 -> EventBridge -> queue: the queue is the truth about what has changed; nothing is lost while no job runs.

resource "aws_s3_bucket_notification" "source" {
  # Only for the bucket made here: this resource overwrites what a bucket had. For an existing one the output
  # enable_source_events_command merges.
  count = var.events_enabled && local.create_source_bucket ? 1 : 0

  bucket      = aws_s3_bucket.source[0].id
  eventbridge = true
}

resource "aws_cloudwatch_event_rule" "source" {
  count = var.events_enabled ? 1 : 0

  name        = "${var.name}-source"
  description = "Objects of s3://${local.source_bucket}/${var.source_prefix} that come, change and go"
  tags        = local.tags

  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html; deletions by lifecycle are in Object Deleted.
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created", "Object Deleted", "Object Restore Completed"]
    detail = merge(
      { bucket = { name = [local.source_bucket] } },
      var.source_prefix == "" ? {} : { object = { key = [{ prefix = var.source_prefix }] } },
    )
  })

  lifecycle {
    precondition {
      condition     = coalesce(var.source_bucket_region, local.region) == local.region
      error_message = "source_bucket_region is ${coalesce(var.source_bucket_region, local.region)}, and its events stay there: set events_enabled = false and an ingest_schedule, or install in that region instead of ${local.region}."
    }
  }
}

resource "aws_cloudwatch_event_target" "queue" {
  count = var.events_enabled ? 1 : 0

  rule = aws_cloudwatch_event_rule.source[0].name
  arn  = aws_sqs_queue.events[0].arn

  # What EventBridge can't deliver in 24 hours lies with what the job can't read.
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters[0].arn
  }
}

# Where the bucket's owner sends its events from another account.
resource "aws_cloudwatch_event_permission" "source_account" {
  count = var.events_enabled && local.source_is_foreign ? 1 : 0

  statement_id = "${var.name}-source"
  principal    = var.source_bucket_account_id
}

resource "aws_sqs_queue" "events" {
  count = var.events_enabled ? 1 : 0

  name                       = "${var.name}-events"
  sqs_managed_sse_enabled    = true
  message_retention_seconds  = 1209600 # 14 days, SQS's most: as long as a broken job may go unseen
  visibility_timeout_seconds = 900     # the job extends it while it works
  receive_wait_time_seconds  = 20
  tags                       = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letters" {
  count = var.events_enabled ? 1 : 0

  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = local.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  count = var.events_enabled ? 1 : 0

  queue_url = aws_sqs_queue.dead_letters[0].id
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.events[0].arn]
  })
}

resource "aws_sqs_queue" "errors" {
  count = var.error_queue_enabled ? 1 : 0

  name                      = "${var.name}-errors"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = local.tags
}

resource "aws_sqs_queue_policy" "this" {
  for_each = merge(
    { for queue in aws_sqs_queue.events : "events" => queue },
    { for queue in aws_sqs_queue.dead_letters : "dead_letters" => queue },
    { for queue in aws_sqs_queue.errors : "errors" => queue },
  )

  queue_url = each.value.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.key == "errors" ? [] : [{
        Sid       = "Events"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = each.value.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.source[0].arn } }
      }],
    )
  })
}
