# Terraform owns the databases, the job owns the tables: their schema comes with the code.

resource "aws_glue_catalog_database" "this" {
  for_each = {
    (var.database)           = "DICOM headers: instances, failures, objects, and views over them"
    (local.staging_database) = "Batches of ${var.database} that are under way; emptied by the job"
  }

  name         = each.key
  description  = each.value
  location_uri = "${local.lake}/${each.key}"
  tags         = local.tags
}
