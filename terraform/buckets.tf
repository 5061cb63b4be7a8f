# Three buckets: the source (DICOM files; made unless an existing one is named), the lake (Iceberg tables), and the
# artifacts (scripts, wheels, results of queries).

resource "aws_s3_bucket" "source" {
  #checkov:skip=CKV_AWS_144:replication is the choice of who owns the originals
  count = local.create_source_bucket ? 1 : 0

  bucket        = local.source_bucket
  force_destroy = !var.deletion_protection
  tags          = local.tags
}

resource "aws_s3_bucket" "lake" {
  #checkov:skip=CKV_AWS_18:access_log_bucket is optional: logs need a bucket of the platform's
  #checkov:skip=CKV_AWS_144:the lake can be made again from its source
  #checkov:skip=CKV2_AWS_62:nobody waits for the lake's files; the catalog tells what is new
  bucket        = local.lake_bucket
  force_destroy = !var.deletion_protection
  tags          = local.tags

  # Destroyed before the databases: a bucket that isn't empty stays, and so do its tables.
  depends_on = [aws_glue_catalog_database.this]
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:access_log_bucket is optional: logs need a bucket of the platform's
  #checkov:skip=CKV_AWS_144:made again by make dist and terraform apply
  #checkov:skip=CKV2_AWS_62:nobody waits for its files
  bucket        = local.artifacts_bucket
  force_destroy = true # nothing in it that can't be made again
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id
  rule {
    # Without a bucket key each object would cost a request to KMS.
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  # No rule expires what is current in the source or the lake: Iceberg and the jobs delete their own files.
  rule {
    id     = "versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }
    # A marker without versions behind it still slows listings.
    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.key == "artifacts" ? { results = local.athena_results_prefix, reader-results = local.reader_results_prefix } : {}
    content {
      id     = rule.key
      status = "Enabled"
      filter {
        prefix = rule.value
      }
      expiration {
        days = var.athena_results_days
      }
      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  # A run renews its lease every 40 seconds by a new generation, and deletes old ones: their versions serve no purpose.
  # Only what was deleted expires: a current generation is the lease.
  dynamic "rule" {
    for_each = each.key == "lake" ? ["lake/_ingest/lease/"] : []
    content {
      id     = "leases"
      status = "Enabled"
      filter {
        prefix = rule.value
      }
      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [each.value.arn, "${each.value.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      # A second lock beside protection.tf: against a deletion without Terraform.
      var.deletion_protection && each.key != "artifacts" ? [{
        Sid       = "KeepBucket"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:DeleteBucket"
        Resource  = each.value.arn
      }] : [],
    )
  })

  # Both change the bucket's access at once otherwise, which S3 answers with a conflict.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.access_logs_enabled ? local.buckets : {}

  bucket        = each.value.id
  target_bucket = var.access_log_bucket
  target_prefix = "${each.value.bucket}/"
}
