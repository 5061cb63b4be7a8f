locals {
  dist   = coalesce(var.dist_path, "${local.repository}/dist")
  wheels = tolist(fileset(local.dist, "dicom-lake-*.gluewheels.zip"))
  waker  = tolist(fileset(local.dist, "waker-*.zip"))

  # Empty where the file is missing, which a precondition then says in words.
  wheelhouse = join("", [for name in slice(local.wheels, 0, min(1, length(local.wheels))) : "${local.dist}/${name}"])
  waker_zip  = join("", [for name in slice(local.waker, 0, min(1, length(local.waker))) : "${local.dist}/${name}"])

  scripts = {
    ingest   = "ingest_dicom_headers.py"
    maintain = "maintain_tables.py"
    promote  = "promote_columns.py"
  }

  # By content: a job's definition changes with its code, and a run that is under way keeps its own. Glue wants the
  # ending .gluewheels.zip.
  wheelhouse_key = local.wheelhouse == "" ? "missing" : "jobs/${substr(filesha256(local.wheelhouse), 0, 16)}/${basename(local.wheelhouse)}"
  script_keys = {
    for job, name in local.scripts :
    job => "jobs/${substr(filesha256("${local.repository}/glue_jobs/${name}"), 0, 16)}/${name}"
  }
}

# Objects have ten tags at most, https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html, which a company's
# default_tags exceed: none here.

resource "aws_s3_object" "wheelhouse" {
  bucket      = aws_s3_bucket.artifacts.id
  key         = local.wheelhouse_key
  source      = local.wheelhouse
  source_hash = local.wheelhouse == "" ? null : filesha256(local.wheelhouse)

  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = length(local.wheels) == 1
      error_message = "${local.dist} must hold one dicom-lake-<version>.gluewheels.zip, and holds ${length(local.wheels)}: run make dist (after make clean where there are several), or set dist_path."
    }
  }

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.this]
}

resource "aws_s3_object" "script" {
  for_each = local.scripts

  bucket      = aws_s3_bucket.artifacts.id
  key         = local.script_keys[each.key]
  source      = "${local.repository}/glue_jobs/${each.value}"
  source_hash = filesha256("${local.repository}/glue_jobs/${each.value}")

  override_provider {
    default_tags {
      tags = {}
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.this]
}
