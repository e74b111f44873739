"""The product against facenet-pytorch on the same photos, and each stage against its floor."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import scenes
from benchmarks.facenet import Facenet, missing
from benchmarks.timing import Spent, Stages, interleaved, measure, times
from siamese import Verifier, pretrained
from siamese.export import export
from siamese.faces.mtcnn import Cascade
from siamese.photos import Photo, load

QUALITY = 92  # of the JPEG files
LARGE = (4000, 3000)  # 12 megapixels
MEDIUM = (1155, 866)  # 1 megapixel
SUPPORT = 100


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Encoded photos: two of 12 megapixels with six faces each, a third one with small faces beside
    large ones, two originals of 250 px, and portraits in 1 megapixel, one face each.
    """

    large: list[bytes]
    small_faces: bytes
    originals: list[bytes]
    medium: list[bytes]


def photos(archive: Path, support: int = SUPPORT) -> Photos:
    """Made from lfw.zip, the same every time; `support` photos and a query in 1 megapixel."""
    portraits = scenes.lfw_portraits(archive, SUPPORT + 1, step=80)
    random = np.random.default_rng(7)
    large = [
        _scene(portraits[6 * i : 6 * i + 6], [350, 280, 220, 180, 150, 120], LARGE, seed=i)
        for i in range(2)
    ]
    medium = []
    for seed, portrait in enumerate(portraits[: support + 1]):
        width = float(np.exp(random.uniform(np.log(80), np.log(300))))
        place = scenes.Place(random.uniform(300, 850), random.uniform(300, 560), width)
        canvas = scenes.background(MEDIUM, seed)
        medium.append(encoded(scenes.compose([portrait], [place], canvas)[0]))
    with zipfile.ZipFile(archive) as pictures:
        originals = [pictures.read(portrait.name) for portrait in portraits[20:22]]
    small = _scene(portraits[12:18], [350, 90, 75, 60, 50, 45], LARGE, seed=5)
    return Photos(large, small, originals, medium)


def against_facenet(verifier: Verifier, made: Photos) -> dict[str, Any]:
    """Ours and theirs in turns, and whether theirs finds a face that ours does not."""
    rival = Facenet()
    query, *support = made.medium
    named = {f"person {number}": photo for number, photo in enumerate(support)}
    large, small = made.large, made.originals
    pairs = {
        "large": interleaved(
            [lambda: verifier.verify(*large), lambda: rival.verify(*large)], [20, 3]
        ),
        "small": interleaved(
            [lambda: verifier.verify(*small), lambda: rival.verify(*small)], [40, 20]
        ),
        "more_faces": interleaved(
            [
                lambda: verifier.find(made.small_faces, more_faces=True),
                lambda: rival.embed(made.small_faces),
            ],
            [6, 2],
        ),
        "embedding": _embedding(verifier, rival),
        "pick": interleaved(
            [lambda: verifier.pick(query, named), lambda: rival.pick(query, support)],
            [2, 1],
            warm_up=False,
        ),
    }
    agreement = {
        "default": _agreement(verifier, rival, [*large, *small, *made.medium], more=False),
        "more_faces": _agreement(verifier, rival, [made.small_faces], more=True),
    }
    return {"pairs": {name: _pair(*spent) for name, spent in pairs.items()}, "faces": agreement}


def stages(verifier: Verifier, pair: Sequence[bytes]) -> dict[str, dict[str, float]]:
    """Processor time of each stage of one `verify`, beside its floor, in ms.

    The floor of decoding is libjpeg-turbo's own time for the sizes that were asked for, that of a
    network its multiply-adds at the rate that this machine reaches in a matrix product.
    """
    watched = {
        "at": Photo, "_propose": Cascade, "_refine": Cascade, "_output": Cascade,
        "_embed_crops": Verifier, "verify": Verifier,
    }  # fmt: skip
    runs = []
    verifier.verify(*pair)
    for _ in range(times(20)):
        clock = Stages()
        with clock.watch([(owner, name) for name, owner in watched.items()]):
            verifier.verify(*pair)
        runs.append(clock)
    spent = {name: float(np.median([run.cpu.get(name, 0.0) for run in runs])) for name in watched}
    operations = _operations(verifier, pair, ("_propose", "_refine", "_output", "_embed_crops"))
    rate = peak()
    floors = {name: count / rate * 1000 for name, count in operations.items()}
    floors["at"] = _decoding_floor(pair, runs[-1].arguments["at"])
    known = ("at", "_propose", "_refine", "_output", "_embed_crops")
    rest = spent["verify"] - sum(spent[name] for name in known)
    table = {name: {"ms": spent[name], "floor": floors[name]} for name in known}
    return table | {"rest": {"ms": rest, "floor": 0.0}, "all": {"ms": spent["verify"]}}


def exported(verifier: Verifier) -> dict[str, dict[str, float]]:
    """Two and 32 crops to embeddings and all logits: torch, and the ONNX export in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with TemporaryDirectory() as folder:
        file = Path(folder) / "siamese.onnx"
        export(pretrained.load(), file)
        session = onnxruntime.InferenceSession(file, options)
    size, random = verifier.config.network.image_size, np.random.default_rng(0)

    def both(crops: np.ndarray) -> list[Spent]:
        return interleaved(
            [
                lambda: verifier.head.of_all(verifier._embed_crops(crops)),
                lambda: session.run(None, {"crops": crops}),
            ],
            [20, 20],
        )

    crops = {count: random.integers(0, 256, (count, size, size, 3), np.uint8) for count in (2, 32)}
    return {str(count): _pair(*both(some)) for count, some in crops.items()}


def originals(archive: Path, count: int) -> list[bytes]:
    """Photos of LFW as they are, 250 px, of people one after the other."""
    with zipfile.ZipFile(archive) as pictures:
        names = sorted(name for name in pictures.namelist() if name.endswith(".jpg"))
        return [pictures.read(name) for name in names[:: len(names) // count][:count]]


def peak() -> float:
    """Multiply-adds per second of a 1024 x 1024 float32 matrix product, by processor time."""
    a = torch.rand(1024, 1024)
    return 1024**3 / (measure(lambda: a @ a, 10).cpu / 1000)


def _operations(
    verifier: Verifier, pair: Sequence[bytes], names: Sequence[str]
) -> dict[str, float]:
    """Multiply-adds of convolutions and dense layers in each of these functions."""
    counts = dict.fromkeys(names, 0.0)
    for name in names:
        owner = Verifier if name == "_embed_crops" else Cascade
        original = getattr(owner, name)

        def counted(*arguments: Any, _name: str = name, _original: Any = original) -> Any:
            with FlopCounterMode(display=False) as counter:
                result = _original(*arguments)
            counts[_name] += counter.get_total_flops() / 2
            return result

        setattr(owner, name, counted)
        try:
            verifier.verify(*pair)
        finally:
            setattr(owner, name, original)
    return counts


def _decoding_floor(pair: Sequence[bytes], calls: Sequence[tuple[Any, ...]]) -> float:
    """Pillow's call of libjpeg-turbo for the sizes asked of the pair by `Photo.at`, in ms."""
    contents = dict(zip(dict.fromkeys(photo for photo, *_ in calls), pair, strict=True))

    def decode() -> None:
        for photo, scale, *_ in calls:
            picture = Image.open(io.BytesIO(contents[photo]))
            target = int(picture.width * scale), int(picture.height * scale)
            picture.draft(None, target)
            picture.load()

    return measure(decode, 10).cpu


def _embedding(verifier: Verifier, rival: Facenet) -> list[Spent]:
    """One face that has already been cut out."""
    size = verifier.config.network.image_size
    crop = np.random.default_rng(0).integers(0, 255, (1, size, size, 3), dtype=np.uint8)
    face = torch.rand(1, 3, 160, 160)
    with torch.no_grad():
        return interleaved(
            [lambda: verifier._embed_crops(crop), lambda: rival.resnet(face)], [60, 20]
        )


def _agreement(
    verifier: Verifier, rival: Facenet, pictures: Sequence[bytes], more: bool
) -> dict[str, int]:
    """How many sure faces of 40 px and more the rival finds, and how many of them we do not."""
    theirs, lost = 0, 0
    for picture in pictures:
        wanted = rival.faces(picture)
        found = verifier.find(load(picture), more_faces=more).faces
        theirs += len(wanted)
        lost += len(missing(wanted, [face.box for face in found]))
    return {"photos": len(pictures), "theirs": theirs, "missed": lost}


def _pair(ours: Spent, theirs: Spent) -> dict[str, float]:
    return {
        "ours_cpu": ours.cpu, "theirs_cpu": theirs.cpu,
        "ours_wall": ours.wall, "theirs_wall": theirs.wall,
        "ours_runs": ours.runs, "theirs_runs": theirs.runs,
        "ratio": theirs.cpu / ours.cpu, "ratio_wall": theirs.wall / ours.wall,
    }  # fmt: skip


def _scene(
    portraits: Sequence[scenes.Portrait], widths: Sequence[float], size: tuple[int, int], seed: int
) -> bytes:
    """One face of each width, in two rows of three."""
    places = [
        scenes.Place((i % 3 + 0.5) * size[0] / 3, (i // 3 + 0.5) * size[1] / 2, width)
        for i, width in enumerate(widths)
    ]
    return encoded(scenes.compose(portraits, places, scenes.background(size, seed))[0])


def encoded(picture: Image.Image) -> bytes:
    """A picture as a JPEG file."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
