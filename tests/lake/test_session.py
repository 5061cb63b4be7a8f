"""The Java that plain Python starts."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.spark


def test_java_has_room_for_the_code_that_many_batches_compile(spark):
    """48 MiB, Java's default for one compiler, were full within a test run, and Java ended in the middle of a job."""
    pools = spark._jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    code = [pool.getUsage().getMax() for pool in pools if pool.getName().startswith("Code")]
    assert sum(code) >= 200 << 20
