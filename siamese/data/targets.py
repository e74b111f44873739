"""What target embeddings, those of an independent reference network, tell of pictures."""

from collections.abc import Sequence

import numpy as np

from siamese.data.people import Picture, photos_of
from siamese.data.reference import Reference

SAME_PERSON = 0.5  # cosine of target embeddings; random people exceed 0.37 once in 100,000 pairs
CONTRADICTED = 0.2  # cosine; one in a hundred pairs of strangers is more alike to the reference


def contradicted(targets: np.ndarray, identities: Sequence[str]) -> np.ndarray:
    """Pictures whose label an independent reference network contradicts: bool (N,).

    `targets` (N, D) are its embeddings, unit length, zeros where it has none. Web collections hold
    pictures of the wrong person; as genuine pairs they would teach that strangers' scores are those
    of one person. A picture is contradicted when it is less alike than `CONTRADICTED` to the mean
    of the person's others; the worst goes first, and of the last two that disagree both go.
    """
    wrong = np.zeros(len(identities), bool)
    for rows in photos_of(identities).values():
        left = rows[np.abs(targets[rows]).sum(axis=1) > 0]
        while len(left) > 1:
            alike = _alike_to_others(targets[left].astype(np.float64))
            worst = int(alike.argmin())
            if alike[worst] >= CONTRADICTED:
                break
            gone = left if len(left) == 2 else left[worst : worst + 1]
            wrong[gone] = True
            left = np.setdiff1d(left, gone)
    return wrong


def _alike_to_others(vectors: np.ndarray) -> np.ndarray:
    """Cosine of each row with the mean of the other rows: float64 (N,)."""
    others = vectors.sum(axis=0) - vectors
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(vectors, axis=1)
    return np.asarray((others * vectors).sum(axis=1) / np.maximum(lengths, 1e-12))


def close_to_any(targets: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    """Which rows have a cosine above `limit` to any row of `others`: bool (N,).

    Both are unit-length target embeddings (N, D) and (M, D). Sources name people independently, so
    the same person may stand in two of them under two names; targets tell.
    """
    others = others.astype(np.float32)
    blocks = [targets[i : i + 2048].astype(np.float32) for i in range(0, len(targets), 2048)]
    return np.concatenate([(block @ others.T).max(axis=1) > limit for block in blocks])


def contradicted_names(pictures: Sequence[Picture], reference: Reference | None) -> set[str]:
    """Names of pictures whose label the reference network contradicts; none without it."""
    if reference is None:
        return set()
    wrong = contradicted(reference.of(pictures), [picture.identity for picture in pictures])
    return {picture.name for picture, bad in zip(pictures, wrong, strict=True) if bad}
