# What Glue itself needs of a job's role, beside what the job's program calls. No run outside of Glue makes these calls,
# so each statement cites where AWS asks for it.

locals {
  glue_statements = concat(
    [
      {
        # Script and wheels: https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html (S3 "GetObject")
        Sid      = "Artifacts"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "${local.artifacts_bucket_arn}/jobs/*"
      },
      {
        # https://docs.aws.amazon.com/glue/latest/dg/encryption-security-configuration.html (a key for what it reads)
        Sid       = "ArtifactsKey"
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = local.kms_key_arn
        Condition = local.by_s3
      },
      {
        # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html#monitor-logging-security-configuration
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.glue_log_prefix}/*"
      },
    ],
    local.log_key_statements,
    [
      {
        # --enable-metrics: https://docs.aws.amazon.com/glue/latest/dg/monitoring-awsglue-with-cloudwatch-metrics.html
        Sid       = "GlueMetrics"
        Effect    = "Allow"
        Action    = "cloudwatch:PutMetricData"
        Resource  = "*" # the action knows no resources
        Condition = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
      },
    ],
    [for connection in aws_glue_connection.vpc : {
      # https://docs.aws.amazon.com/glue/latest/dg/connection-VPC-disable-proxy.html and, for the list of actions,
      # https://docs.aws.amazon.com/glue/latest/dg/create-service-policy.html
      Sid    = "Connection"
      Effect = "Allow"
      Action = "glue:GetConnection"
      Resource = [
        "${local.catalog_arn}:catalog",
        "${local.catalog_arn}:connection/${connection.name}",
      ]
    }],
    [for connection in aws_glue_connection.vpc : {
      Sid    = "DescribeNetwork"
      Effect = "Allow"
      Action = [
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints",
      ]
      Resource = "*" # these actions know no resources
    }],
    [for connection in aws_glue_connection.vpc : {
      Sid    = "NetworkInterfaces"
      Effect = "Allow"
      Action = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"]
      # A subnet or a group that another account shares has that account in its ARN; ids are unique in all accounts:
      # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html
      Resource = concat(
        ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"],
        ["arn:${local.partition}:ec2:${local.region}:*:subnet/${var.subnet_id}"],
        [for group in var.security_group_ids : "arn:${local.partition}:ec2:${local.region}:*:security-group/${group}"],
      )
    }],
    [for connection in aws_glue_connection.vpc : {
      Sid       = "TagNetworkInterfaces"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
      Resource  = "arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"
      Condition = { "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] } }
    }],
  )
}

resource "aws_iam_role_policy" "glue" {
  for_each = local.job_names

  name   = "glue"
  role   = aws_iam_role.job[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.glue_statements })
}
