"""Which photos show one person: by the names of their files, and by what the network says of them.

Pure functions of names and logits.
"""

import re
from collections.abc import Sequence

import numpy as np

# A number or a copy mark at the end of a name: "ann 2", "ann_02", "ann (1)", "ann - Copy (2)".
_NUMBERED = re.compile(r"(?<=[^\W_])[\W_]*(?:\(\d+\)|(?<!\d)\d+|(?<![^\W_])copy)$", re.I)


def base_name(stem: str) -> str:
    """A file's name, without its ending, without numbers and copy marks at its end.

    A name that is nothing else stays as it is.
    """
    shorter = _NUMBERED.sub("", stem)
    return stem if shorter == stem else base_name(shorter)


def photos_of(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Row numbers of each name's photos, in the order of first appearance."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    return {name: np.array(found, np.int64) for name, found in rows.items()}


def groups(
    logits: np.ndarray, limit: float, begin: Sequence[Sequence[int]] | None = None
) -> list[list[int]]:
    """Rows of one person each, by the logits (N, N) of every row against every other.

    Average linkage: the two groups whose rows are most alike on average become one as long as that
    average is at least `limit`. `begin` are the groups to begin with, by default each row alone.
    """
    found = [[*rows] for rows in begin or np.arange(len(logits))[:, None].tolist()]
    member = np.zeros((len(found), len(logits)))
    for group, rows in enumerate(found):
        member[group, rows] = 1
    sums = member @ logits.astype(np.float64) @ member.T
    sizes = np.array([len(rows) for rows in found], np.float64)
    np.fill_diagonal(sums, -np.inf)
    while len(found) > 1:
        means = sums / np.outer(sizes, sizes)
        first, second = sorted(divmod(int(means.argmax()), len(found)))
        if means[first, second] < limit:
            break
        sums[first] += sums[second]
        sums[:, first] = sums[first]
        sums[first, first] = -np.inf
        sizes[first] += sizes[second]
        found[first] += found.pop(second)
        sums = np.delete(np.delete(sums, second, 0), second, 1)
        sizes = np.delete(sizes, second)
    return sorted(sorted(rows) for rows in found)
