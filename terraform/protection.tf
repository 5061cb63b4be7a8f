# Terraform's prevent_destroy takes no variable. This resource depends on what holds data, so it is destroyed first; while
# the protection is on, that fails, and Terraform leaves alone all that it depends on.

resource "terraform_data" "protection" {
  # Read when it is destroyed: only then does what was applied count, and not what the command line says.
  input = var.deletion_protection ? "on" : "off"
  # A changed name would replace what is behind it.
  triggers_replace = [local.lake_bucket, var.database, one(aws_s3_bucket.source[*].bucket)]

  provisioner "local-exec" {
    when    = destroy
    command = self.output == "off" ? "exit 0" : "echo deletion_protection is on: apply deletion_protection = false before you destroy the lake && exit 1"
  }

  depends_on = [
    aws_glue_catalog_database.this,
    aws_kms_alias.this,
    aws_kms_key.this,
    aws_s3_bucket.lake,
    aws_s3_bucket.source,
    aws_s3_bucket_lifecycle_configuration.this,
    aws_s3_bucket_logging.this,
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
