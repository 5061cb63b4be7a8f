locals {
  triggers = {
    ingest      = { schedule = var.ingest_schedule, job = "ingest", arguments = local.sweep_arguments }
    sweep       = { schedule = var.sweep_schedule, job = "ingest", arguments = local.sweep_arguments }
    maintenance = { schedule = var.maintenance_schedule, job = "maintain", arguments = {} }
  }
}

resource "aws_glue_trigger" "this" {
  for_each = { for name, trigger in local.triggers : name => trigger if trigger.schedule != null }

  name     = "${var.name}-${each.key}"
  type     = "SCHEDULED"
  schedule = each.value.schedule
  tags     = local.tags

  actions {
    job_name  = aws_glue_job.this[each.value.job].name
    arguments = each.value.arguments
  }
}
