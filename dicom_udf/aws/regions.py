"""The region of a request: of a lake's services and of a queue. No region is a default.

The region of a bucket is in :mod:`dicom_udf.aws.s3`.
"""

from __future__ import annotations

from dicom_udf.aws.clients import configured_region, region_of_url
from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.aws.s3 import OTHER_SERVER, named_region
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError

__all__ = ["queue_region", "service_region"]


def service_region(location: LakeLocation, endpoint: str | None) -> str:
    """Return the region of a service beside a lake: Glue, Athena, CloudWatch, SQS.

    It is the first that is known: the given one, that of the environment or the profile, that of the endpoint's host,
    and the region of the lake's bucket, for which S3 is queried once.

    Args:
        location: The lake.
        endpoint: URL of the service's server; None for AWS.

    Raises:
        ConfigurationError: No region is known; or the bucket does not exist.
        RunFailedError: S3 does not answer.

    Example:
        >>> service_region(LakeLocation("s3://lake", catalog="glue", access=S3Access(region="eu-west-1")), None)
        'eu-west-1'
    """
    known = location.access.region or configured_region() or region_of_url(endpoint) or _region_of_lake(location)
    if known is None and endpoint is None:
        raise ConfigurationError(
            f"no AWS region is known for the lake {location.root}; give --aws-region, e.g. eu-central-1, or set "
            "AWS_REGION"
        )
    return known or OTHER_SERVER


def queue_region(queue: str, location: LakeLocation, endpoint: str | None) -> str:
    """Return the region of a queue: the one that its URL names, otherwise that of the lake's other services.

    Args:
        queue: Its URL.
        location: The lake of the run.
        endpoint: As for :func:`service_region`.

    Raises:
        ConfigurationError, RunFailedError: As for :func:`service_region`.
    """
    return region_of_url(queue) or service_region(location, endpoint)


def _region_of_lake(location: LakeLocation) -> str | None:
    if not location.is_glue:
        return None
    with translate_aws_errors("s3:ListBucket", f"the bucket of the lake {location.root}"):
        return named_region(location.bucket, location.access)
