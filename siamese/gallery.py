"""A support set that is already embedded: people, how many photos each, and their embeddings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from siamese.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Identities with the embeddings of their photos; immutable, so it can be shared by threads.

    `photos` maps an identity to float32 (num_photos, D). `sha256` names the weights that made the
    embeddings; those of other weights cannot be compared with them.
    """

    photos: Mapping[str, np.ndarray]
    sha256: str
    # What `means` returned, so that the second search of the same people does without.
    _summary: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, init=False)

    def __len__(self) -> int:
        return len(self.photos)

    def add(self, identity: str, embeddings: np.ndarray) -> "Gallery":
        """A gallery with these photos (N, D) added to that identity, which may be new."""
        rows = np.atleast_2d(np.asarray(embeddings, dtype=np.float32))
        known = self.photos.get(identity)
        joined = rows if known is None else np.concatenate([known, rows])
        return Gallery({**self.photos, identity: joined}, self.sha256)

    def remove(self, identity: str) -> "Gallery":
        """A gallery without that identity; InputError if it is not in there."""
        if identity not in self.photos:
            raise InputError(f"'{identity}' is not in the gallery.")
        left = {name: rows for name, rows in self.photos.items() if name != identity}
        return Gallery(left, self.sha256)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean embeddings (K, D) float32 and numbers of photos (K,) int64, in order of names."""
        if not self._summary:
            counts = np.array([len(rows) for rows in self.photos.values()])
            rows = np.concatenate(list(self.photos.values()))
            if len(rows) > len(counts):
                sums = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0)
                rows = (sums / counts[:, None]).astype(np.float32)
            self._summary.append((rows, counts))
        return self._summary[0]

    def save(self, path: str | Path) -> None:
        """Write one safetensors file; it holds embeddings and names, no photos.

        It is written beside an older file, then replaces it: a kill never leaves half a gallery.
        Raises InputError where the file cannot be written, or a name is no valid text.
        """
        part = Path(f"{path}.part")
        names = {f"{number:08d}": name for number, name in enumerate(self.photos)}
        tensors = {key: self.photos[name] for key, name in names.items()}
        try:
            save_file(tensors, str(part), metadata={"sha256": self.sha256, **names})
            part.replace(path)
        except (OSError, SafetensorError, UnicodeEncodeError) as error:
            raise InputError(f"{path} cannot be written ({error}).") from error

    @classmethod
    def load(cls, path: str | Path) -> "Gallery":
        """Read what `save` wrote; InputError where the file is something else."""
        if not is_gallery(path):
            raise InputError(f"{path} is not a gallery saved by this program.")
        with safe_open(str(path), framework="numpy") as file:
            meta = file.metadata()
            photos = {meta[key]: file.get_tensor(key) for key in sorted(file.keys())}
        if any(rows.ndim != 2 or not len(rows) for rows in photos.values()):
            raise InputError(f"{path} holds a person without a photo, so it is damaged.")
        return cls(photos, meta["sha256"])


def is_gallery(path: str | Path) -> bool:
    """Whether `Gallery.save` wrote this file, by its head: every row of it has a name."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            return {"sha256", *file.keys()} <= set(file.metadata() or {})
    except PermissionError:
        raise
    except (OSError, SafetensorError):
        return False


def check_target(path: Path) -> None:
    """InputError where a gallery cannot be saved here, or would destroy something else."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; please name the gallery file to write.")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written; there is no folder {path.parent}.")
    if not all(os.access(place, os.W_OK) for place in (path.parent, path) if place.exists()):
        raise InputError(f"{path} cannot be written; please choose a place where you may.")
    if path.exists() and not (path.is_file() and is_gallery(path)):
        raise InputError(
            f"{path} exists and is not a gallery saved by this program; please name another file."
        )
