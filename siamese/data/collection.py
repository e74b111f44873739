"""Crop sets: pictures that were aligned when they were stored, so they enter without a detector."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from siamese.checkpoint import Checkpoint
from siamese.data.pairs import Labels
from siamese.data.people import Picture
from siamese.data.pixels import embed_stored, plain, read_stored, stored_window
from siamese.data.split import PEOPLE, Split

SLICE = 4096  # pictures decoded at a time where they are not kept: about 270 MB


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Pictures of known people and their embeddings, float32 (N, D), row by row."""

    pictures: tuple[Picture, ...]
    vectors: np.ndarray
    split: Split = PEOPLE

    @property
    def identities(self) -> list[str]:
        """Who each picture shows."""
        return [picture.identity for picture in self.pictures]

    @property
    def labels(self) -> Labels:
        """Who each picture shows, and the collection it comes from."""
        return Labels.of(self.pictures, self.split)

    def where(self, chosen: np.ndarray) -> "People":
        """The pictures chosen by bool (N,)."""
        kept = tuple(p for p, keep in zip(self.pictures, chosen, strict=True) if keep)
        return People(kept, self.vectors[chosen], self.split)

    def of(self, wanted: Callable[[str], bool]) -> "People":
        """The pictures of the identities that are wanted."""
        return self.where(np.array([wanted(name) for name in self.identities], bool))


def embed_once(checkpoint: Checkpoint, pictures: Sequence[Picture]) -> np.ndarray:
    """Embeddings (N, D) of pictures that are not needed again: none stays decoded on disk."""
    found = [np.empty((0, checkpoint.config.network.embedding_size), np.float32)]
    for start in range(0, len(pictures), SLICE):
        with tempfile.TemporaryDirectory() as folder:
            some = pictures[start : start + SLICE]
            found.append(embed_pictures(checkpoint, some, Path(folder)).vectors)
    return np.concatenate(found)


def embed_pictures(
    checkpoint: Checkpoint, pictures: Sequence[Picture], cache: Path, split: Split = PEOPLE
) -> People:
    """Embed stored pictures at the checkpoint's canonical crop."""
    pixels = read_stored(pictures, checkpoint.config, cache)
    window = stored_window(checkpoint.config)
    vectors = embed_stored(checkpoint.network, pixels, window, "embedding")
    return People(tuple(pictures), vectors, split)


def crops_of(checkpoint: Checkpoint, pictures: Sequence[Picture], cache: Path) -> np.ndarray:
    """Stored pictures at the checkpoint's canonical crop, as pixels: uint8 (N, S, S, C)."""
    stored = read_stored(pictures, checkpoint.config, cache)
    return _pixels(stored, stored_window(checkpoint.config), checkpoint.config.network.image_size)


def whole_of(checkpoint: Checkpoint, pictures: Sequence[Picture], cache: Path) -> np.ndarray:
    """Stored pictures with their margin, as pixels: uint8 (N, S, S, C)."""
    stored = read_stored(pictures, checkpoint.config, cache)
    side = stored.shape[-1]
    return _pixels(stored, (0.0, 0.0, float(side), float(side)), side)


def _pixels(stored: np.ndarray, window: tuple[float, float, float, float], size: int) -> np.ndarray:
    planes = plain(torch.from_numpy(np.array(stored)), window, size)
    pixels = (planes.clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().numpy()
