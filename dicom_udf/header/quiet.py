"""pydicom's warnings and log lines quote values of the file: they go nowhere while it works for us."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_pydicom"]


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Silence pydicom's warnings and its logger inside the block."""
    logger = logging.getLogger("pydicom")
    was_disabled = logger.disabled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.disabled = True
        try:
            yield
        finally:
            logger.disabled = was_disabled
