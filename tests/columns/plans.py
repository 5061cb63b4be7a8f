"""Plans of DuckDB."""

from typing import Any

__all__ = ["scan_filters"]


def scan_filters(plan: dict[str, Any]) -> list[str]:
    """Return what each scan of a plan, from ``EXPLAIN (FORMAT json)``, filters by; an empty text without a filter."""
    own = [str(plan["extra_info"].get("Filters", ""))] if plan["name"].strip() == "SEQ_SCAN" else []
    return own + [filters for child in plan["children"] for filters in scan_filters(child)]
