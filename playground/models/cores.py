"""How many processor cores there are for this process."""

import os


def count_cores() -> int:
    """Return the cores that this process may run on; 1 where the system does not say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
