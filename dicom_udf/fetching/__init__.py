"""From the answer of a query to files: manifests, and copies of loose objects and of members of archives."""

from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.fetching.manifest import save_manifest, write_manifest
from dicom_udf.fetching.plan import FetchPlan
from dicom_udf.fetching.run import FetchResult, fetch, list_files, plan_fetch

__all__ = [
    "CohortFile",
    "FetchPlan",
    "FetchResult",
    "fetch",
    "list_files",
    "plan_fetch",
    "save_manifest",
    "write_manifest",
]
