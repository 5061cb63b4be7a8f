# For people who query: attach a policy to their role. It reads tables and writes results, and nothing else. One policy is
# for the workgroup that all share, one for each of var.readers. No test can ask AWS for more than moto answers, so each
# statement cites the page that lists its actions.

locals {
  # With Lake Formation its grants decide, and Athena gets the files by lakeformation:GetDataAccess: a right to the files
  # would pass by the columns of a grant.
  readers_of_files = !var.lake_formation_enabled

  reader_scopes = merge(
    { "" = { workgroup = aws_athena_workgroup.this, results = local.athena_results_prefix } },
    {
      for reader in var.readers :
      reader => { workgroup = aws_athena_workgroup.reader[reader], results = "${local.reader_results_prefix}${reader}/" }
    },
  )

  reader_statements = {
    for reader, scope in local.reader_scopes : reader => concat(
      [
        {
          # What the console and the JDBC and ODBC drivers list before a query; these know no workgroup. "Example policy for
          # running queries in a specified workgroup": https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html
          # GetDataCatalog: https://docs.aws.amazon.com/athena/latest/ug/datacatalogs-example-policies.html
          Sid    = "Lists"
          Effect = "Allow"
          Action = [
            "athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDataCatalogs",
            "athena:ListDatabases", "athena:ListEngineVersions", "athena:ListTableMetadata", "athena:ListWorkGroups",
          ]
          Resource = "*"
        },
        {
          # The same page; GetQueryResultsStream is the drivers':
          # https://docs.aws.amazon.com/athena/latest/ug/jdbc-v3-driver.html
          Sid    = "Queries"
          Effect = "Allow"
          Action = [
            "athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery", "athena:GetQueryExecution",
            "athena:GetQueryResults", "athena:GetQueryResultsStream", "athena:GetQueryRuntimeStatistics", "athena:GetWorkGroup",
            "athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution",
          ]
          Resource = scope.workgroup.arn
        },
        {
          # Athena needs the default database in each region, whether there is one or not:
          # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
          Sid      = "Catalog"
          Effect   = "Allow"
          Action   = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
          Resource = concat(local.tables_arns, ["${local.catalog_arn}:database/default"])
        },
        {
          # https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
          Sid      = "Buckets"
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
          Resource = concat([local.artifacts_bucket_arn], local.readers_of_files ? [local.lake_bucket_arn] : [])
          Condition = {
            StringLikeIfExists = {
              "s3:prefix" = concat(["${scope.results}*"], local.readers_of_files ? ["lake/${var.database}/*"] : [])
            }
          }
        },
        {
          # The same page.
          Sid      = "Results"
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
          Resource = "${local.artifacts_bucket_arn}/${scope.results}*"
        },
        {
          Sid       = "Key"
          Effect    = "Allow"
          Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource  = local.kms_key_arn
          Condition = local.by_s3
        },
      ],
      local.readers_of_files ? [{
        Sid       = "ReadTables"
        Effect    = "Allow"
        Action    = "s3:GetObject"
        Resource  = "${local.lake_bucket_arn}/lake/${var.database}/*"
        Condition = { Bool = { "aws:SecureTransport" = "true" } }
      }] : [],
      local.lake_formation_statements,
    )
  }
}

resource "aws_iam_policy" "reader" {
  name        = "${var.name}-reader"
  description = "Queries the database ${var.database} in the Athena workgroup ${var.name}"
  tags        = local.tags

  policy = jsonencode({ Version = "2012-10-17", Statement = local.reader_statements[""] })
}

resource "aws_iam_policy" "readers" {
  for_each = toset(var.readers)

  name        = "${var.name}-reader-${each.key}"
  description = "Queries the database ${var.database} in the Athena workgroup ${var.name}-${each.key}"
  tags        = local.tags

  policy = jsonencode({ Version = "2012-10-17", Statement = local.reader_statements[each.key] })
}
