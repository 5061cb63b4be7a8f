# --- Names ---------------------------------------------------------------------------------------------------------

variable "name" {
  description = "Begins the name of everything here, so that several installations fit into one account."
  type        = string
  default     = "dicom-lake"
  nullable    = false

  validation {
    # Bucket names end in -<account>-<region>-artifacts and have 63 characters at most.
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 24 lower-case letters, digits and hyphens, begin with a letter and not end in a hyphen."
  }
}

variable "database" {
  description = "The Glue database of the tables; <database>_staging is made beside it."
  type        = string
  default     = "dicom"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,126}$", var.database)) && !endswith(var.database, "_staging")
    error_message = "database must be lower-case letters, digits and underscores, begin with a letter, not end in _staging, and have at most 127 characters."
  }
}

variable "tags" {
  description = "Tags of everything that can have tags, except objects in S3."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds every role made here."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, like arn:aws:iam::123456789012:policy/boundary."
  }
}

variable "deletion_protection" {
  description = "true: terraform destroy stops before the lake, a created source bucket, the databases and the key. To remove them, apply false first; then destroy deletes all objects too."
  type        = bool
  default     = true
  nullable    = false
}

variable "dist_path" {
  description = "Folder with the packages that make dist builds: dicom-lake-<version>.gluewheels.zip and waker-<version>.zip. Null: dist/ of this repository, or of the archive that the module comes from."
  type        = string
  default     = null
}

# --- Encryption ----------------------------------------------------------------------------------------------------

variable "create_kms_key" {
  description = "true: a KMS key is made; false: kms_key_arn is used, which may then come from a resource of the same plan. Null: true, unless kms_key_arn is given."
  type        = bool
  default     = null

  validation {
    condition     = !(var.create_kms_key == true && var.kms_key_arn != null)
    error_message = "create_kms_key = true and kms_key_arn exclude each other: leave out one of them."
  }
  validation {
    condition     = !(var.create_kms_key == false && var.kms_key_arn == null)
    error_message = "create_kms_key = false needs kms_key_arn: everything here is encrypted by a KMS key."
  }
}

variable "kms_key_arn" {
  description = "A given KMS key for buckets, logs and alarms. Its policy needs the statements of the output kms_key_policy_statements."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (an alias won't do), like arn:aws:kms:eu-central-1:123456789012:key/1234abcd-..."
  }
}

# --- Source --------------------------------------------------------------------------------------------------------

variable "source_bucket" {
  description = "Name of an existing bucket with DICOM files. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.source_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.source_bucket))
    error_message = "source_bucket must be a bucket's name (3 to 63 lower-case letters, digits, dots, hyphens), without s3:// and without a prefix; a prefix goes to source_prefix."
  }
}

variable "create_source_bucket" {
  description = "true: a source bucket is made; false: source_bucket is used, which may then come from a resource of the same plan. Null: true, unless source_bucket is given."
  type        = bool
  default     = null

  validation {
    condition     = !(var.create_source_bucket == true && var.source_bucket != null)
    error_message = "create_source_bucket = true and source_bucket exclude each other: leave out one of them."
  }
  validation {
    condition     = !(var.create_source_bucket == false && var.source_bucket == null)
    error_message = "create_source_bucket = false needs source_bucket: name the bucket with the DICOM files."
  }
}

variable "source_bucket_region" {
  description = "Region of the existing source bucket."
  type        = string
  default     = null

  validation {
    condition     = (var.source_bucket == null) == (var.source_bucket_region == null)
    error_message = "source_bucket and source_bucket_region go together: give the region of an existing bucket, like eu-central-1, or leave out both."
  }
}

variable "source_bucket_account_id" {
  description = "Account of the existing source bucket where it is another one, known at plan; its owner adds the output source_bucket_policy_statements."
  type        = string
  default     = null

  validation {
    condition     = var.source_bucket_account_id == null || (can(regex("^[0-9]{12}$", var.source_bucket_account_id)) && var.source_bucket != null)
    error_message = "source_bucket_account_id must be 12 digits and needs source_bucket."
  }
}

variable "source_prefix" {
  description = "Only objects below this prefix are ingested, like studies/. Empty: the whole bucket."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.source_prefix == "" || can(regex("^[^/*?].*/$", var.source_prefix))
    error_message = "source_prefix must be empty, or end in a slash and not begin with one, like studies/."
  }
}

variable "source_kms_key_arn" {
  description = "KMS key of the existing source bucket's objects, where they have one."
  type        = string
  default     = null

  validation {
    condition     = var.source_kms_key_arn == null || (can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+", var.source_kms_key_arn)) && var.source_bucket != null)
    error_message = "source_kms_key_arn must be the ARN of a key and needs source_bucket; a bucket that is made here has the key of this installation."
  }
}

# --- Buckets -------------------------------------------------------------------------------------------------------

variable "noncurrent_version_days" {
  description = "Days that deleted and overwritten objects of the buckets made here can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days must be a whole number of days, 1 or more."
  }
}

variable "athena_results_days" {
  description = "Days that results of queries stay."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.athena_results_days >= 1 && floor(var.athena_results_days) == var.athena_results_days
    error_message = "athena_results_days must be a whole number of days, 1 or more."
  }
}

variable "access_log_bucket" {
  description = "Existing bucket that takes the access logs of the buckets made here. Null: none are written."
  type        = string
  default     = null
}

variable "access_logs_enabled" {
  description = "true: access logs go to access_log_bucket, which may then come from a resource of the same plan. Null: true if access_log_bucket is given."
  type        = bool
  default     = null

  validation {
    condition     = !(var.access_logs_enabled == true && var.access_log_bucket == null)
    error_message = "access_logs_enabled = true needs access_log_bucket: name the bucket that takes the logs."
  }
  validation {
    condition     = !(var.access_logs_enabled == false && var.access_log_bucket != null)
    error_message = "access_logs_enabled = false and access_log_bucket exclude each other: leave out one of them."
  }
}

# --- Jobs ----------------------------------------------------------------------------------------------------------

variable "glue_version" {
  description = "Version of AWS Glue."
  type        = string
  default     = "5.1"
  nullable    = false

  validation {
    condition     = contains(["5.1"], var.glue_version)
    error_message = "glue_version must be 5.1: the wheels of make dist are built for its Python."
  }
}

variable "worker_type" {
  description = "Size of a worker: G.1X has 4 vCPUs and 16 GB, each next one twice that."
  type        = string
  default     = "G.1X"
  nullable    = false

  validation {
    condition     = contains(["G.1X", "G.2X", "G.4X", "G.8X"], var.worker_type)
    error_message = "worker_type must be G.1X, G.2X, G.4X or G.8X."
  }
}

variable "number_of_workers" {
  description = "Workers of an ingest at most, the driver's included; auto scaling uses fewer if they are enough."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.number_of_workers >= 2 && var.number_of_workers <= 299 && floor(var.number_of_workers) == var.number_of_workers
    error_message = "number_of_workers must be a whole number from 2 (a driver and an executor) to 299."
  }
}

variable "upkeep_workers" {
  description = "Workers of maintenance and promotion at most."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.upkeep_workers >= 2 && var.upkeep_workers <= 299 && floor(var.upkeep_workers) == var.upkeep_workers
    error_message = "upkeep_workers must be a whole number from 2 (a driver and an executor) to 299."
  }
}

variable "timeout_minutes" {
  description = "A run that takes longer is stopped; the next one resumes it."
  type        = number
  default     = 720
  nullable    = false

  validation {
    condition     = var.timeout_minutes >= 5 && var.timeout_minutes <= 10080 && floor(var.timeout_minutes) == var.timeout_minutes
    error_message = "timeout_minutes must be a whole number from 5 to 10080 (seven days, the most that Glue takes)."
  }
}

variable "partition_by" {
  description = "Granularity of the partitions by study_date, fixed when the lake is made. Null: the lake's, day for a new one."
  type        = string
  default     = null

  validation {
    condition     = var.partition_by == null || contains(["day", "month", "year"], coalesce(var.partition_by, "day"))
    error_message = "partition_by must be day, month or year."
  }
}

variable "private_keys" {
  description = "true: logs name no object's key at INFO, because keys may hold patients' names."
  type        = bool
  default     = true
  nullable    = false
}

variable "ingest_arguments" {
  description = "Further arguments of the ingest job, like { \"--include\" = \"*.dcm,*.zip\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.ingest_arguments) : can(regex("^--[a-zA-Z][a-zA-Z0-9-]*$", name))])
    error_message = "The names of ingest_arguments must begin with --, like \"--include\"."
  }
  validation {
    condition = length(setintersection(keys(var.ingest_arguments), [
      "--lake", "--catalog", "--database", "--create-database", "--source", "--queue", "--error-queue", "--kms-key",
      "--metrics-namespace", "--additional-python-modules", "--python-modules-installer-option", "--datalake-formats",
    ])) == 0
    error_message = "ingest_arguments can't set what follows from other inputs: --lake, --catalog, --database, --create-database, --source, --queue, --error-queue, --kms-key, --metrics-namespace, --additional-python-modules, --python-modules-installer-option, --datalake-formats."
  }
}

variable "maintain_arguments" {
  description = "Further arguments of the maintenance job, like { \"--snapshot-days\" = \"30\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.maintain_arguments) : can(regex("^--[a-zA-Z][a-zA-Z0-9-]*$", name))])
    error_message = "The names of maintain_arguments must begin with --, like \"--snapshot-days\"."
  }
  validation {
    condition = length(setintersection(keys(var.maintain_arguments), [
      "--lake", "--catalog", "--database", "--kms-key",
      "--additional-python-modules", "--python-modules-installer-option", "--datalake-formats",
    ])) == 0
    error_message = "maintain_arguments can't set what follows from other inputs: --lake, --catalog, --database, --kms-key, --additional-python-modules, --python-modules-installer-option, --datalake-formats."
  }
}

variable "subnet_id" {
  description = "Private subnet that the jobs run in; it needs ways to S3, Glue, SQS, KMS and CloudWatch. Null: Glue's own network."
  type        = string
  default     = null

  validation {
    condition     = var.subnet_id == null || can(regex("^subnet-[0-9a-f]+$", var.subnet_id))
    error_message = "subnet_id must be the id of a subnet, like subnet-0123456789abcdef0."
  }
}

variable "security_group_ids" {
  description = "Security groups of the jobs in subnet_id; one of them must let its own members in, on all TCP ports."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = (var.subnet_id == null) == (length(var.security_group_ids) == 0)
    error_message = "subnet_id and security_group_ids go together: give both for a VPC, or neither."
  }
  validation {
    condition     = alltrue([for id in var.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "security_group_ids must be ids of security groups, like sg-0123456789abcdef0."
  }
}

variable "in_vpc" {
  description = "true: the jobs run in subnet_id, which may then come from a resource of the same plan. Null: true if subnet_id is given."
  type        = bool
  default     = null

  validation {
    condition     = !(var.in_vpc == true && var.subnet_id == null)
    error_message = "in_vpc = true needs subnet_id and security_group_ids: name the private subnet of the jobs."
  }
  validation {
    condition     = !(var.in_vpc == false && var.subnet_id != null)
    error_message = "in_vpc = false and subnet_id exclude each other: leave out one of them."
  }
}

# --- Triggers ------------------------------------------------------------------------------------------------------

variable "events_enabled" {
  description = "true: S3's events go to a queue, and the ingest runs when it isn't empty."
  type        = bool
  default     = true
  nullable    = false
}

variable "waker_schedule" {
  description = "How often the queue is checked. Null: never."
  type        = string
  default     = "rate(5 minutes)"

  validation {
    condition     = var.waker_schedule == null || can(regex("^rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)$", var.waker_schedule))
    error_message = "waker_schedule must be a rate like rate(5 minutes) or rate(1 hour), or null."
  }
}

variable "ingest_schedule" {
  description = "When the whole source is listed and ingested, for installations without events: six fields in UTC, like cron(15 * * * ? *). Null: never."
  type        = string
  default     = null

  validation {
    condition     = var.ingest_schedule == null || can(regex(local.cron, var.ingest_schedule))
    error_message = "ingest_schedule must be cron(minutes hours day-of-month month day-of-week year) with a ? for one of the two days, like cron(15 * * * ? *), or null."
  }
}

variable "sweep_schedule" {
  description = "When the whole source is listed, to find the objects of lost events. Null: never."
  type        = string
  default     = "cron(10 2 * * ? *)"

  validation {
    condition     = var.sweep_schedule == null || can(regex(local.cron, var.sweep_schedule))
    error_message = "sweep_schedule must be cron(minutes hours day-of-month month day-of-week year) with a ? for one of the two days, like cron(10 2 * * ? *), or null."
  }
}

variable "maintenance_schedule" {
  description = "When the tables are maintained; an ingest that is started meanwhile stops. Null: never."
  type        = string
  default     = "cron(40 3 ? * SUN *)"

  validation {
    condition     = var.maintenance_schedule == null || can(regex(local.cron, var.maintenance_schedule))
    error_message = "maintenance_schedule must be cron(minutes hours day-of-month month day-of-week year) with a ? for one of the two days, like cron(40 3 ? * SUN *), or null."
  }
}

variable "error_queue_enabled" {
  description = "true: a queue takes one small message for each file that is a fault."
  type        = bool
  default     = false
  nullable    = false
}

# --- Athena --------------------------------------------------------------------------------------------------------

variable "athena_bytes_cutoff" {
  description = "Bytes that one query may scan; 10 MB or more. The default costs 5 USD at the most."
  type        = number
  default     = 1000000000000
  nullable    = false

  validation {
    condition     = var.athena_bytes_cutoff >= 10000000 && floor(var.athena_bytes_cutoff) == var.athena_bytes_cutoff
    error_message = "athena_bytes_cutoff must be a whole number of bytes, 10000000 (10 MB) or more."
  }
}

variable "readers" {
  description = "Readers with results of their own, like [\"radiology\", \"jane.doe\"]: each gets a workgroup, a prefix of results and a policy. Without them, all readers share the results of one workgroup."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for reader in var.readers : can(regex("^[a-z0-9][a-z0-9._-]{0,31}$", reader))])
    error_message = "readers must be names of 1 to 32 lower-case letters, digits, dots, hyphens and underscores, which begin with a letter or a digit."
  }
  validation {
    condition     = length(distinct(var.readers)) == length(var.readers)
    error_message = "readers has a name twice: leave out one of them."
  }
}

variable "lake_formation_enabled" {
  description = "true: the lake's location is registered with Lake Formation, the jobs' roles get its grants, and readers need grants in place of s3:GetObject: docs/how_to/lake_formation.md."
  type        = bool
  default     = false
  nullable    = false
}

# --- Watching ------------------------------------------------------------------------------------------------------

variable "log_retention_days" {
  description = "Days that logs stay; a number that CloudWatch Logs accepts."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the job's own metrics."
  type        = string
  default     = "DicomLake"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9._/#-]{0,254}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "metrics_namespace must be letters, digits, ., _, /, # and -, begin with a letter and not with AWS/."
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that takes the alarms. Null: one is made."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic."
  }
}

variable "create_alarm_topic" {
  description = "true: an SNS topic is made; false: alarm_topic_arn is used, which may then come from a resource of the same plan. Null: true, unless alarm_topic_arn is given."
  type        = bool
  default     = null

  validation {
    condition     = !(var.create_alarm_topic == true && var.alarm_topic_arn != null)
    error_message = "create_alarm_topic = true and alarm_topic_arn exclude each other: leave out one of them."
  }
  validation {
    condition     = !(var.create_alarm_topic == false && var.alarm_topic_arn == null)
    error_message = "create_alarm_topic = false needs alarm_topic_arn: alarms without a topic reach no one."
  }
}

variable "alarm_emails" {
  description = "Addresses that the topic made here sends to; each must confirm."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", address))])
    error_message = "alarm_emails must be addresses like data-team@example.org."
  }
  validation {
    condition     = var.alarm_topic_arn == null || length(var.alarm_emails) == 0
    error_message = "alarm_emails can't be subscribed to a given topic: leave out alarm_topic_arn or alarm_emails."
  }
}

variable "alarm_hours_without_success" {
  description = "Hours without a finished ingest that raise an alarm; a little more than the time between two sweeps. Null: no such alarm."
  type        = number
  default     = 26

  validation {
    condition     = var.alarm_hours_without_success == null || contains(range(1, 169), coalesce(var.alarm_hours_without_success, 0))
    error_message = "alarm_hours_without_success must be a whole number from 1 to 168 (seven days, the most that CloudWatch looks back), or null."
  }
}

variable "alarm_fault_ratio" {
  description = "Part of a run's files that are faults, above which an alarm is raised."
  type        = number
  default     = 0.05
  nullable    = false

  validation {
    condition     = var.alarm_fault_ratio >= 0 && var.alarm_fault_ratio <= 1
    error_message = "alarm_fault_ratio must be a number from 0 to 1."
  }
}

variable "alarm_queue_age_minutes" {
  description = "Age of the oldest event in the queue that raises an alarm."
  type        = number
  default     = 240
  nullable    = false

  validation {
    condition     = var.alarm_queue_age_minutes >= 5 && var.alarm_queue_age_minutes <= 20160
    error_message = "alarm_queue_age_minutes must be from 5 to 20160 (14 days, as long as the queue keeps a message)."
  }
}

variable "dashboard_enabled" {
  description = "true: a CloudWatch dashboard is made; the first three of an account are free."
  type        = bool
  default     = true
  nullable    = false
}
