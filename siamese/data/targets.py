"""Target embeddings: what an independent reference network says of the pictures."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from siamese.data.people import Picture, photos_of
from siamese.errors import InputError

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


def read_targets(files: Sequence[Path], pictures: Sequence[Picture]) -> np.ndarray:
    """Target embeddings of `pictures` from .npz files with `names` and `embedding`.

    Returns float16 (N, D), unit length; a row of zeros where no file knows the picture. Raises
    InputError where a file is none of these; nothing in it is unpickled.
    """
    rows: dict[str, np.ndarray] = {}
    for file in files:
        rows.update(_rows_of(file))
    sizes = {len(row) for row in rows.values()}
    if len(sizes) != 1:
        raise InputError(f"Target embeddings must be of one length, not of {sorted(sizes)}.")
    (size,) = sizes
    targets = np.zeros((len(pictures), size), np.float16)
    for index, picture in enumerate(pictures):
        row = rows.get(picture.name)
        if row is not None:
            targets[index] = row / np.linalg.norm(row.astype(np.float32))
    return targets


def _rows_of(file: Path) -> dict[str, np.ndarray]:
    """The embedding of each picture that a file names."""
    try:
        with np.load(file) as content:
            names, embedding = content["names"], content["embedding"]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} is no .npz file of target embeddings.") from error
    numbers = embedding.dtype.kind in "fi" and embedding.ndim == 2
    if not numbers or names.shape != (len(embedding),) or names.dtype.kind != "U":
        raise InputError(f"{file} does not hold one row of numbers for each name.")
    if not len(embedding) or not np.isfinite(embedding).all():
        raise InputError(f"{file} holds no target embeddings, or numbers that are not finite.")
    return dict(zip(names.tolist(), embedding, strict=True))


def close_to_any(targets: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    """Which rows have a cosine above `limit` to any row of `others`: bool (N,).

    Both are unit-length target embeddings (N, D) and (M, D). Sources name people independently, so
    the same person may stand in two of them under two names; targets tell.
    """
    others = others.astype(np.float32)
    blocks = [targets[i : i + 2048].astype(np.float32) for i in range(0, len(targets), 2048)]
    return np.concatenate([(block @ others.T).max(axis=1) > limit for block in blocks])


def contradicted_names(pictures: Sequence[Picture], targets: Sequence[Path]) -> set[str]:
    """Names of pictures whose label the reference embeddings contradict; none without targets."""
    if not targets:
        return set()
    rows = read_targets(targets, pictures)
    wrong = contradicted(rows, [picture.identity for picture in pictures])
    return {picture.name for picture, bad in zip(pictures, wrong, strict=True) if bad}
