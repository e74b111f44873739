"""How many requests are worked on at a time: as many as there are cores."""

import os


def cores() -> int:
    """The cores that this process may use, at least one.

    A Space is told its own number (CPU_CORES), because it sees all cores of the machine it is on.
    """
    told = os.environ.get("CPU_CORES", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
