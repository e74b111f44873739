"""A checkpoint on the bench: each test set once through the whole product pipeline.

decode -> detect -> choose -> align -> embed. Finding the faces takes nearly all of the time and
does not depend on the weights, so the aligned crops are kept in a cache folder, in pieces: a run
that was killed resumes where it stopped, and another checkpoint of the same crop starts at the
network. The key of the cache covers the photos, the crop, the version of what finds faces, and the
libraries that it uses, so a stale piece is never used.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from PIL import Image
from tqdm import tqdm

from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.people import Part, Picture
from siamese.data.pixels import damaged, load_cached
from siamese.data.split import PEOPLE, Split, calibration_pictures, fits
from siamese.data.spoiling import warned_of
from siamese.errors import ImageError
from siamese.evaluation.comparison import Comparison, Embeddings
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair, PairSource, read_lfw_pairs
from siamese.faces import CROPS_VERSION, Detector, detector_for
from siamese.faces.alignment import Window
from siamese.faces.detector import Face
from siamese.faces.quality import TELL_LITTLE, Flag, QualityWarning, warnings_for
from siamese.network import Siamese, ready
from siamese.photos import Source, load

Change = Callable[[Image.Image], Image.Image]


PIECE = 512  # photos to a file of the cache
BATCH = 128  # crops to a batch of the network
FACTS = 10 + 10  # box, score, turned, stretched, faces, width and height of photo; landmarks
LIBRARIES = ("facenet-pytorch", "pillow", "pillow-heif", "numpy", "torch", "torchvision")


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """The default face of each photo: uint8 (N, S, S, C); `found` bool (N,), black where not.

    `facts` float64 (N, FACTS) is what else is known of it, NaN where there is no face.
    """

    names: tuple[str, ...]
    pixels: np.ndarray
    found: np.ndarray
    facts: np.ndarray

    def warnings(self, row: int, window: Window) -> tuple[QualityWarning, ...]:
        """What the product warns of in this photo, whose crop shows a window of the template.

        Nothing where there is no face.
        """
        if not self.found[row]:
            return ()
        *box, score, turned, stretched, num_faces, width, height = self.facts[row, :10].tolist()
        points = self.facts[row, 10:].reshape(5, 2)
        landmarks = () if np.isnan(points).any() else tuple((x, y) for x, y in points.tolist())
        face = Face((*box,), landmarks, score, self.pixels[row], int(turned), stretched)
        return warnings_for(face, int(num_faces), (int(width), int(height)), window)

    def flags(self, window: Window) -> dict[str, set[Flag]]:
        """The same of each photo by its name: which warnings there are."""
        return {
            name: {warning.code for warning in self.warnings(row, window)}
            for row, name in enumerate(self.names)
        }


@dataclass(frozen=True, slots=True, eq=False)
class ChosenFace:
    """The face that the product would compare, and of how many in a photo of which size (px)."""

    face: Face
    num_faces: int
    size: tuple[int, int]

    def facts(self) -> np.ndarray:
        """As a row of `Crops.facts`; a picture taken as a whole has no landmarks."""
        face, landmarks = self.face, self.face.landmarks or [(np.nan, np.nan)] * 5
        seen = (*face.box, face.score, face.turned, face.stretched)
        known = (*seen, self.num_faces, *self.size)
        return np.array([*known, *np.ravel(landmarks)])


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos of a zip or a folder, by their names inside."""

    source: Path
    names: tuple[str, ...]

    def read(self) -> Iterator[tuple[str, bytes]]:
        """Name and encoded bytes of each photo, one after the other."""
        if self.source.is_dir():
            yield from ((name, (self.source / name).read_bytes()) for name in self.names)
            return
        with zipfile.ZipFile(self.source) as archive:
            yield from ((name, people.unpacked(archive, name)) for name in self.names)


def embed_photos(
    checkpoint: Checkpoint, photos: PhotoSet, cache: Path, changed: tuple[str, Change] | None = None
) -> Embeddings:
    """Embeddings of the default face of each photo, as `Verifier.embed` makes them.

    `changed` is a name and what to do to each photo first; the name must change with the deed. A
    photo without a face, or one that cannot be read, has a row of NaN.
    """
    return embed_crops(checkpoint.network, find_crops(checkpoint, photos, cache, changed))


def find_crops(
    checkpoint: Checkpoint, photos: PhotoSet, cache: Path, changed: tuple[str, Change] | None = None
) -> Crops:
    """The aligned default face of each photo, from the cache where it is there."""
    cache.mkdir(parents=True, exist_ok=True)
    key = _key(checkpoint, photos, changed[0] if changed else "")
    starts = range(0, len(photos.names), PIECE)
    detector: Detector | None = None
    pieces = []
    title = f"faces{f' ({changed[0]})' if changed else ''}"
    with tqdm(total=len(photos.names), desc=title, unit="photo", disable=None) as bar:
        for start in starts:
            path = cache / f"crops-{key}-{start:06d}.npz"
            piece = PhotoSet(photos.source, photos.names[start : start + PIECE])
            if not path.exists():
                detector = detector or detector_for(*checkpoint.config.compared)
                found = [_shown(detector, name, blob, changed) for name, blob in piece.read()]
                _save(path, found, checkpoint)
            pieces.append(_read_piece(path, len(piece.names)))
            bar.update(len(piece.names))
    return Crops(photos.names, *(np.concatenate(parts) for parts in zip(*pieces, strict=True)))


def embed_crops(network: Siamese, crops: Crops) -> Embeddings:
    """Embeddings of crops, a row of NaN where there is none."""
    vectors = np.full((len(crops.names), network.config.embedding_size), np.nan, np.float32)
    vectors[crops.found] = embed_pixels(network, crops.pixels[crops.found], "embedding")
    return Embeddings(crops.names, vectors)


def embed_pixels(network: Siamese, pixels: np.ndarray, title: str = "") -> np.ndarray:
    """Embeddings (N, D) of aligned crops, uint8 (N, S, S, C); a `title` shows progress."""
    network = ready(network)
    vectors = np.empty((len(pixels), network.config.embedding_size), np.float32)
    for start in tqdm(range(0, len(pixels), BATCH), title, disable=None if title else True):
        vectors[start : start + BATCH] = network.embed_crops(pixels[start : start + BATCH])
    return vectors


def find_face(detector: Detector, source: Source, name: str) -> ChosenFace | None:
    """The face that the product would compare; None where there is none or the photo is broken."""
    try:
        photo = load(source, name)
        faces = detector.detect([photo])[0]
        if not faces:
            return None
        return ChosenFace(detector.sharpen(photo, faces[:1])[0], len(faces), photo.size)
    except ImageError:
        return None


def _shown(
    detector: Detector, name: str, blob: bytes, changed: tuple[str, Change] | None
) -> ChosenFace | None:
    source: Source = changed[1](load(blob, name).at(1.0)) if changed else blob
    return find_face(detector, source, name)


def _save(path: Path, photos: Sequence[ChosenFace | None], checkpoint: Checkpoint) -> None:
    network = checkpoint.config.network
    black = np.zeros((network.image_size, network.image_size, network.channels), np.uint8)
    unknown = np.full(FACTS, np.nan)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            pixels=np.stack([photo.face.crop if photo else black for photo in photos]),
            found=np.array([photo is not None for photo in photos]),
            facts=np.stack([photo.facts() if photo else unknown for photo in photos]),
        )
    part.replace(path)


def _read_piece(path: Path, count: int) -> tuple[np.ndarray, ...]:
    """What `_save` wrote of so many photos; InputError where a file is not that."""
    content = load_cached(path)
    if not isinstance(content, NpzFile):
        raise damaged(path)
    try:
        with content:
            parts = tuple(content[name] for name in ("pixels", "found", "facts"))
    except (KeyError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise damaged(path) from error
    if any(part.shape[:1] != (count,) for part in parts):
        raise damaged(path)
    return parts


def _key(checkpoint: Checkpoint, photos: PhotoSet, change: str) -> str:
    config = checkpoint.config
    digest = hashlib.sha256(people.fingerprint(photos.source).encode())
    made = (CROPS_VERSION, FACTS, *(version(library) for library in LIBRARIES))
    digest.update(repr((made, config.compared, photos.names, change)).encode())
    return digest.hexdigest()[:16]


LFW, LFW_PAIRS = "lfw.zip", "lfw_pairs.txt"
GROUPS, FAMILIES = "test_groups.zip", "train_fiw.zip"


class Bench:
    """A checkpoint, the folder of test sets, and what has been embedded of them so far."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        data: Path,
        out: Path,
        cache: Path,
        own_pairs: PairSource | None = None,
    ) -> None:
        self.checkpoint, self.data, self.out, self.cache = checkpoint, data, out, cache
        self.own_pairs = own_pairs or PairSource()
        self.rule = checkpoint.rule
        self.compare = Comparison.of(checkpoint.network)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The pairs of LFW's View 2."""
        return read_lfw_pairs(self.data / LFW_PAIRS)

    @cached_property
    def lfw_crops(self) -> Crops:
        """The default face of all photos of LFW that the zip holds."""
        names = [p.name for p in people.list_pictures(self.data / LFW, labelled=False)]
        return find_crops(self.checkpoint, PhotoSet(self.data / LFW, tuple(names)), self.cache)

    @cached_property
    def lfw(self) -> Embeddings:
        """All photos of LFW that the zip holds, through the whole pipeline."""
        return embed_crops(self.checkpoint.network, self.lfw_crops)

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """Embeddings (N, D) of aligned crops, uint8 (N, S, S, C)."""
        return embed_pixels(self.checkpoint.network, pixels)

    @cached_property
    def lfw_people(self) -> list[str]:
        """Who each photo of LFW shows."""
        return [name.partition("/")[0] for name in self.lfw.names]

    @cached_property
    def lfw_scores(self) -> np.ndarray:
        """Logits of View 2's pairs, NaN where a photo has no face: float64 (6000,)."""
        return pair_scores(self.compare, self.lfw, self.lfw, self.pairs)

    @cached_property
    def lfw_warned(self) -> np.ndarray:
        """Of which pairs of View 2 a photo is warned of that it tells little: bool (6000,)."""
        return pairs_warned_of(self.lfw_flags, self.pairs)

    @cached_property
    def lfw_flags(self) -> dict[str, set[Flag]]:
        """What the product warns of in each photo of LFW, by name."""
        return self.lfw_crops.flags(self.checkpoint.config.window)

    @property
    def lfw_known(self) -> Scores:
        """View 2's scores without the pairs that have none."""
        return Scores.from_labels(self.lfw_scores, np.array([pair.same for pair in self.pairs]))

    def read(self, pictures: Sequence[Picture], split: Split = PEOPLE) -> Collection:
        """Stored pictures, decoded as the network takes them."""
        return Collection.read(pictures, self.checkpoint.config, self.cache, split)

    def embedded(self, pictures: Sequence[Picture], split: Split = PEOPLE) -> Collection:
        """Stored pictures and their embeddings."""
        return self.read(pictures, split).embedded(self.checkpoint.network)

    @cached_property
    def groups(self) -> Collection:
        """The pictures of test_groups, each of another person."""
        return self.embedded(people.list_pictures(self.data / GROUPS, labelled=False))

    @cached_property
    def families(self) -> Collection:
        """The families of which nobody was trained on."""
        pictures = people.list_pictures(self.data / FAMILIES)
        return self.embedded([p for p in pictures if people.part_of(p.identity) is not Part.TRAIN])

    @cached_property
    def reporting(self) -> Collection:
        """Calibration people of the half that reports, as labelled.

        Without pictures that are warned of, where the half that fits is.
        """
        calibration = self.checkpoint.config.calibration
        strangers = calibration.get("sources_of_strangers", ())
        pictures = calibration_pictures(self.sources(), Part.CALIBRATION, strangers=strangers)
        pictures = [picture for picture in pictures if not fits(picture.identity)]
        if not calibration.get("warned_left_out"):
            return self.embedded(pictures)
        crops = self.read(pictures).crops(self.checkpoint.config.network.image_size)
        warned = warned_of(
            crops, [picture.name for picture in pictures], self.checkpoint.config.window
        )
        return self.embedded([p for p, hit in zip(pictures, warned, strict=True) if not hit])

    def sources(self) -> list[Path]:
        """The files at hand of those that the checkpoint was calibrated on."""
        return [self.data / name for name in sources_in(self.data, self.checkpoint.config)]


def sources_in(data: Path, config: CheckpointConfig) -> list[str]:
    """Names of the sources in `data` that the checkpoint was calibrated on."""
    return [name for name in sources_of(config) if (data / name).exists()]


def sources_of(config: CheckpointConfig) -> list[str]:
    """Names of the sources that the checkpoint was calibrated on."""
    return list(config.calibration.get("sources", {}))


def pairs_warned_of(flags: Mapping[str, set[Flag]], pairs: Sequence[Pair]) -> np.ndarray:
    """Of which pairs a photo has a flag that says that it tells little: bool (N,)."""
    little = {name for name, found in flags.items() if found & TELL_LITTLE}
    return np.array([not little.isdisjoint((pair.a, pair.b)) for pair in pairs], bool)


def pair_scores(
    compare: Comparison, first: Embeddings, second: Embeddings, pairs: list[Pair]
) -> np.ndarray:
    """Logits of pairs, `a` from one set of embeddings and `b` from the other: float64 (N,)."""
    a = first.vectors[first.rows([pair.a for pair in pairs])]
    b = second.vectors[second.rows([pair.b for pair in pairs])]
    return compare(a, b)
