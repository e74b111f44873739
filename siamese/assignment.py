"""Who is who where several faces are identified at once: nobody is in one photo twice. Pure."""

import numpy as np


def most_probable(weights: np.ndarray) -> list[int | None]:
    """The person of each face, no person's twice, or None, that are together the most probable.

    `weights` (F, K + 1) are, for each of F faces, the logarithms of the weights of K people and of
    none of them, which any number of faces may be. A face never needs more than the F people who
    are the most probable for it, so the work hardly grows with K.
    """
    faces, people = len(weights), weights.shape[1] - 1
    best = np.argpartition(-weights[:, :people], min(faces, people) - 1, axis=1)[:, :faces]
    likely = np.unique(best)
    none = np.repeat(weights[:, people:], faces, axis=1)
    chosen = assign(np.hstack([weights[:, likely], none]))
    return [int(likely[column]) if column < len(likely) else None for column in chosen]


def assign(gains: np.ndarray) -> list[int]:
    """The column of each row, none twice, for which the gains (N, M), N <= M, add up to the most.

    The Hungarian method (Kuhn 1955) by shortest augmenting paths, as in Jonker and Volgenant 1987,
    "A shortest augmenting path algorithm for dense and sparse linear assignment problems".
    """
    rows, columns = gains.shape
    of_row, of_column = np.zeros(rows), np.zeros(columns + 1)  # what each has gained so far
    owner = np.full(columns + 1, -1)  # the row of each column; the last is where a path begins
    for row in range(rows):
        owner[columns], here = row, columns
        least, before = np.full(columns, np.inf), np.full(columns, columns)
        seen = np.zeros(columns + 1, bool)
        while owner[here] >= 0:
            seen[here] = True
            rest = ~seen[:columns]
            lost = of_row[owner[here]] - gains[owner[here]] - of_column[:columns]
            nearer = rest & (lost < least)
            least[nearer], before[nearer] = lost[nearer], here
            nearest = int(np.where(rest, least, np.inf).argmin())
            step = least[nearest]
            of_row[owner[seen]] -= step
            of_column[seen] -= step
            least[rest] -= step
            here = nearest
        while here != columns:
            owner[here], here = owner[before[here]], int(before[here])
    return [int(np.flatnonzero(owner[:columns] == row)[0]) for row in range(rows)]
