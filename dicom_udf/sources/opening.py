"""The source and the error queue of a run, by its settings."""

from __future__ import annotations

from dicom_udf.aws.regions import queue_region
from dicom_udf.config import IngestConfig, service_endpoint
from dicom_udf.sources.discovery import Source, StoreSource
from dicom_udf.sources.fault_queue import FaultQueue, open_fault_queue
from dicom_udf.sources.manifest import open_inventory, open_manifest
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.queue import open_queue
from dicom_udf.sources.queue_source import QueueSource
from dicom_udf.sources.stores import open_store

__all__ = ["open_error_queue", "open_source"]


def open_source(config: IngestConfig) -> Source:
    """Open the source, the manifest, the inventory or the queue that a run reads. The lake's own files are left out.

    Raises:
        ConfigurationError: It doesn't exist, or isn't one.
        RunFailedError: It is denied, or can't be reached.
    """
    access, patterns = config.access, Patterns(config.include, config.exclude)
    excluded = f"{config.location.root}/" if config.location.is_glue else None
    if config.queue is not None:
        endpoint = service_endpoint("SQS", config.aws_endpoint)
        region = queue_region(config.queue, config.location, endpoint)
        queue = open_queue(config.queue, endpoint=endpoint, region=region)
        return QueueSource(queue, access, patterns, excluded=excluded, max_messages=config.max_messages)
    if config.manifest is not None:
        return StoreSource(open_manifest(config.manifest, access=access, patterns=patterns))
    if config.inventory is not None:
        return StoreSource(open_inventory(config.inventory, access=access, patterns=patterns, excluded=excluded))
    store = open_store(
        config.source or "",
        exclude=config.location.root,
        access=access,
        patterns=patterns,
        may_be_empty=config.allow_mass_delete,
    )
    return StoreSource(store)


def open_error_queue(config: IngestConfig) -> FaultQueue | None:
    """Open the queue that a run sends its faults to; None if it has none.

    Raises:
        ConfigurationError: The queue doesn't exist.
        RunFailedError: It can't be reached.
    """
    if config.error_queue is None:
        return None
    endpoint = service_endpoint("SQS", config.aws_endpoint)
    region = queue_region(config.error_queue, config.location, endpoint)
    return open_fault_queue(config.error_queue, endpoint=endpoint, region=region)
