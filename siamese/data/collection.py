"""Pictures to learn from and to measure on, with what is known of them: one value, made once."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamese.checkpoint import CheckpointConfig
from siamese.data.people import Picture, numbers
from siamese.data.pixels import STORED, plain, read_pixels
from siamese.data.split import PEOPLE, Split
from siamese.data.spoiling import spoiled, warned_of
from siamese.network import Siamese, ready

BATCH = 256  # pictures cut out at a time
EMBEDDED = 128  # pictures embedded at a time
SLICE = 4096  # pictures decoded at a time where they are not kept: about 270 MB
Window = tuple[float, float, float, float]


def _nothing() -> np.ndarray:
    return np.empty((0, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Stored pictures, and who they show; row i of every array is picture i.

    `split` says who is related to whom and whose impostors are whose. `pixels` are the pictures as
    they are stored, uint8 (N, C + 1, H, W), memory-mapped (see `pixels.read_pixels`), and `window`
    the part of them that the product would show a network, x0 y0 x1 y1. `vectors` are their
    embeddings, float32 (N, D), once they are `embedded`. `warned`, bool (N,), says of which the
    product warns, and `spoiled` are embeddings of the others made worse, and of those as they are
    (see `spoiling`). Each is empty where it is not known.
    """

    pictures: tuple[Picture, ...]
    split: Split = PEOPLE
    pixels: np.ndarray = field(default_factory=_nothing)
    window: Window = (0.0, 0.0, 0.0, 0.0)
    vectors: np.ndarray = field(default_factory=_nothing)
    warned: np.ndarray = field(default_factory=_nothing)
    spoiled: np.ndarray = field(default_factory=_nothing)

    @classmethod
    def read(
        cls,
        pictures: Sequence[Picture],
        config: CheckpointConfig,
        cache: Path,
        split: Split = PEOPLE,
    ) -> "Collection":
        """Decoded as a network of this kind takes them; kept in `cache` for the next time.

        That is as aligned crops with their margin, or as whole pictures.
        """
        network, whole = config.network, config.detector == "none"
        side = network.image_size if whole else STORED.size
        pixels = read_pixels(pictures, side, network.channels, cache, whole)
        (left, top, _, _), (x0, y0, x1, y1) = STORED.window, config.window
        window = (x0 - left, y0 - top, x1 - left, y1 - top)
        return cls(tuple(pictures), split, pixels, _all_of(side) if whole else window)

    @classmethod
    def named(cls, identities: Sequence[str], sources: Sequence[str] = ()) -> "Collection":
        """Of whom only the names are known; without `sources` all from one."""
        return cls(
            tuple(
                Picture(source, "", who)
                for who, source in zip(identities, sources or [""] * len(identities), strict=True)
            )
        )

    @property
    def identities(self) -> list[str]:
        """Who each picture shows."""
        return [picture.identity for picture in self.pictures]

    @property
    def sources(self) -> list[str]:
        """Where each picture's impostors come from."""
        return [self.split.collection(picture) for picture in self.pictures]

    @property
    def source_numbers(self) -> np.ndarray:
        """A number for each of `sources`: int64 (N,)."""
        return numbers([f"from {source}" for source in self.sources])

    @torch.inference_mode()
    def embedded(self, network: Siamese, title: str = "embedding") -> "Collection":
        """With embeddings of the canonical crops, as the product would embed them."""
        network = ready(network)
        found: list[np.ndarray] = []
        device = network.head.weight.device
        for start in tqdm(range(0, len(self.pixels), EMBEDDED), title):
            stored = torch.from_numpy(np.array(self.pixels[start : start + EMBEDDED]))
            pictures = plain(stored, self.window, network.config.image_size)
            inputs = pictures.to(device).contiguous(memory_format=torch.channels_last)
            found.append(network.embed(inputs).cpu().numpy())
        return dataclasses.replace(self, vectors=np.concatenate(found))

    def embedded_spoiled(self, network: Siamese, shown: Window) -> "Collection":
        """With embeddings of the canonical crops after they were spoiled, too.

        The network is `shown` this window of the template.
        """
        network, found, warned = ready(network), [], []
        for start in tqdm(range(0, len(self.pixels), EMBEDDED), "embedding worse photos"):
            some = slice(start, start + EMBEDDED)
            names = [picture.name for picture in self.pictures[some]]
            crops = _crops(self.pixels[some], self.window, network.config.image_size)
            warned.append(warned_of(crops, names, shown))
            found.append(network.embed_crops(spoiled(crops, names, warned[-1], shown)))
        spoiled_ones, warnings = np.concatenate(found), np.concatenate(warned)
        return dataclasses.replace(self, warned=warnings, spoiled=spoiled_ones)

    @property
    def unwarned(self) -> "Collection":
        """Those that the product does not warn of; all where that is not known."""
        return self.where(~self.warned) if len(self.warned) else self

    def crops(self, size: int) -> np.ndarray:
        """The canonical crops: uint8 (N, size, size, C)."""
        return _crops(self.pixels, self.window, size)

    def whole(self) -> np.ndarray:
        """The pictures with their margin: uint8 (N, S, S, C)."""
        side = self.pixels.shape[-1]
        return _crops(self.pixels, _all_of(side), side)

    def where(self, chosen: np.ndarray) -> "Collection":
        """Those chosen by bool (N,) or row numbers, with their embeddings, but no pixels."""
        pictures = tuple(self.pictures[row] for row in np.arange(len(self.pictures))[chosen])
        known = {
            name: found[chosen]
            for name in ("vectors", "warned", "spoiled")
            if len(found := getattr(self, name))
        }
        return Collection(pictures, self.split, window=self.window, **known)

    def of(self, wanted: Callable[[str], bool]) -> "Collection":
        """The pictures of the identities that are wanted."""
        return self.where(np.array([wanted(name) for name in self.identities], bool))


def embed_once(
    network: Siamese, config: CheckpointConfig, pictures: Sequence[Picture]
) -> np.ndarray:
    """Embeddings (N, D) of pictures that are not needed again: none stays decoded on disk."""
    found = [np.empty((0, config.network.embedding_size), np.float32)]
    for start in range(0, len(pictures), SLICE):
        with tempfile.TemporaryDirectory() as folder:
            some = Collection.read(pictures[start : start + SLICE], config, Path(folder))
            found.append(some.embedded(network).vectors)
    return np.concatenate(found)


def _all_of(side: int) -> Window:
    return 0.0, 0.0, float(side), float(side)


def _crops(stored: np.ndarray, window: Window, size: int) -> np.ndarray:
    found = []
    for start in range(0, len(stored), BATCH):
        some = torch.from_numpy(np.array(stored[start : start + BATCH]))
        planes = (plain(some, window, size).clamp(0, 1) * 255).round().to(torch.uint8)
        found.append(planes.permute(0, 2, 3, 1).contiguous().numpy())
    return np.concatenate(found)
