"""Examples in the help of each command of ``dicom-lake``, and the first three commands of a newcomer."""

from __future__ import annotations

__all__ = ["EXAMPLES", "FIRST_COMMANDS", "OVERVIEW"]

FIRST_COMMANDS = """\
  dicom-lake ingest ./sample_dcm --lake ./lake
  dicom-lake query "SELECT * FROM series LIMIT 9" --lake ./lake
  dicom-lake columns --search thickness"""
"""Those that a newcomer needs."""

OVERVIEW = f"""\
dicom-lake reads DICOM headers, loose or in archives, into tables for SQL.

{FIRST_COMMANDS}

The first command makes a lake of a folder, the second one queries it,
and the third one finds columns. 'dicom-lake --help' lists all commands,
and 'dicom-lake COMMAND --help' its options with examples.
"""
"""The text that ``dicom-lake`` without arguments prints; its lines fit 78 columns."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "ingest": (
        "dicom-lake ingest ./sample_dcm --lake ./lake",
        "dicom-lake ingest /data/export --lake ./lake --include '*.dcm,*.zip'",
        "dicom-lake ingest s3://bucket/studies --lake s3://bucket/lake \\\n    --catalog glue --partition-by month",
    ),
    "query": (
        'dicom-lake query "SELECT modality, count(*) FROM instances GROUP BY 1" \\\n    --lake ./lake',
        "dicom-lake query @ct_dose --lake ./lake --format csv",
        "dicom-lake query @segments --since 2024-01-01 --lake s3://bucket/lake \\\n    --catalog glue",
        "dicom-lake query --file mine.sql --lake ./lake",
    ),
    "queries": (
        "dicom-lake queries --search dose",
        "dicom-lake queries ct_dose",
        "dicom-lake queries --format json",
    ),
    "show": (
        "dicom-lake show 1.2.840.113619.2.55.3 --lake ./lake",
        "dicom-lake show archive.zip!CT/1.dcm --lake ./lake --full true",
        "dicom-lake show ./sample_dcm/ct_abdomen/IM0001.dcm",
    ),
    "manifest": (
        'dicom-lake manifest "SELECT series_instance_uid FROM series" --lake ./lake \\\n    --output files.csv',
        "dicom-lake manifest @chest_ct_thin_slices --form s5cmd \\\n    --lake s3://bucket/lake --catalog glue",
    ),
    "fetch": (
        'dicom-lake fetch "SELECT series_instance_uid FROM series" --lake ./lake \\\n    --to ./files',
        "dicom-lake fetch @chest_ct_thin_slices --lake ./lake --to ./chest \\\n"
        "    --layout '{series_instance_uid}/{instance_number}.dcm'",
        "dicom-lake fetch --manifest files.csv --to ./files --jobs 32",
    ),
    "scan": (
        "dicom-lake scan ./sample_dcm --output headers.parquet",
        "dicom-lake scan s3://bucket/studies --exclude 'tmp/*' --format jsonl",
    ),
    "status": (
        "dicom-lake status --lake ./lake",
        "dicom-lake status --lake s3://bucket/lake --catalog glue --format json",
    ),
    "failures": (
        "dicom-lake failures --lake ./lake",
        "dicom-lake failures --code TRUNCATED --limit 0 --format csv --lake ./lake",
    ),
    "verify": (
        "dicom-lake verify --lake ./lake",
        "dicom-lake verify --lake s3://bucket/lake --catalog glue --format json",
    ),
    "promote": (
        "dicom-lake promote ReasonForVisit --lake ./lake",
        "dicom-lake promote '0019,xx0c|ACME:double:b_value' --lake ./lake",
    ),
    "upgrade": (
        "dicom-lake upgrade --lake ./lake",
        "dicom-lake upgrade --lake s3://bucket/lake --catalog glue --wait 0",
    ),
    "maintain": (
        "dicom-lake maintain --dry-run true --lake ./lake",
        "dicom-lake maintain --snapshot-days 30 --lake ./lake",
    ),
    "init": (
        "dicom-lake init --lake ./lake --partition-by month",
        "dicom-lake init --lake s3://bucket/lake --catalog glue --database dicom",
    ),
    "register": (
        "dicom-lake register --lake s3://bucket/lake --catalog glue",
        "dicom-lake register --lake s3://bucket/lake --catalog glue \\\n    --database dicom --create-database false",
    ),
    "columns": (
        "dicom-lake columns --search thickness",
        "dicom-lake columns --search 0018,0050 --lake ./lake",
    ),
    "views": (
        "dicom-lake views --lake ./lake > lake.sql",
        "dicom-lake views --lake ./lake | duckdb lake.duckdb",
    ),
    "completion": (
        'eval "$(dicom-lake completion bash)"',
        'eval "$(dicom-lake completion zsh)"',
        "dicom-lake completion fish | source",
    ),
}
"""Two or more command lines for each command. The lines fit 78 columns; a backslash continues one."""
