"""A support set that is already embedded: people, how many photos each, and their embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass
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
        rows = list(self.photos.values())
        means = np.stack([found.mean(axis=0) for found in rows]).astype(np.float32)
        return means, np.array([len(found) for found in rows])

    def save(self, path: str | Path) -> None:
        """Write one safetensors file; it holds embeddings and names, no photos."""
        names = {f"{number:08d}": name for number, name in enumerate(self.photos)}
        tensors = {key: self.photos[name] for key, name in names.items()}
        save_file(tensors, str(path), metadata={"sha256": self.sha256, **names})

    @classmethod
    def load(cls, path: str | Path) -> "Gallery":
        """Read what `save` wrote; InputError where the file is something else."""
        try:
            with safe_open(str(path), framework="numpy") as file:
                meta = dict(file.metadata() or {})
                sha256 = meta.pop("sha256")
                photos = {meta[key]: file.get_tensor(key) for key in sorted(file.keys())}
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"{path} is not a gallery saved by this program.") from error
        return cls(photos, sha256)
