"""Large photos with faces at known places and of known sizes: ground truth for tests and timing.

Portraits, by default originals of Labeled Faces in the Wild, are pasted with soft edges into an
artificial background that holds no face. The scenes show real people: they are made where they are
needed and never published.

    python -m benchmarks.scenes ../shared/faces/lfw.zip scenes/ --count 10

writes scene_000.jpg ... and truth.json: for every scene the portraits with their boxes in px.
"""

import argparse
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]

SIZE = (4000, 3000)  # 12 megapixels, as phones take them
# Where the detector sees the face in a 250 x 250 original of LFW: the median of 365 pictures.
LFW_FACE: Box = (78, 64, 171, 188)
_FEATHER = 0.08  # of a portrait's side, over which it fades into the background


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture with one main face; `face` is its box in px of `image`."""

    name: str
    image: Image.Image
    face: Box


@dataclass(frozen=True, slots=True)
class Place:
    """Where a face goes: its centre and its width, in px of the scene."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Truth:
    """A face that is in a scene: whose, and its box in px."""

    name: str
    box: Box


def lfw_portraits(archive: Path, count: int, step: int = 40) -> list[Portrait]:
    """`count` originals from lfw.zip, every `step`-th in the order of the archive."""
    with zipfile.ZipFile(archive) as pictures:
        names = sorted(name for name in pictures.namelist() if name.endswith(".jpg"))
        return [
            Portrait(name, Image.open(io.BytesIO(pictures.read(name))).convert("RGB"), LFW_FACE)
            for name in names[::step][:count]
        ]


def background(size: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    """Soft coloured clouds with a little grain; RGB."""
    random = np.random.default_rng(seed)
    clouds = Image.fromarray(random.integers(60, 200, (7, 9, 3), dtype=np.uint8))
    grain = Image.effect_noise((size[0] // 4, size[1] // 4), 12).resize(size)
    return Image.blend(clouds.resize(size, Image.Resampling.BICUBIC), grain.convert("RGB"), 0.15)


def compose(
    portraits: Sequence[Portrait], places: Sequence[Place], canvas: Image.Image
) -> tuple[Image.Image, list[Truth]]:
    """A copy of `canvas` with each portrait's face at its place; and where the faces are.

    Portraits later in the list cover earlier ones. They may reach over the border of the canvas.
    """
    scene = canvas.copy()
    truths = []
    for portrait, place in zip(portraits, places, strict=True):
        x0, y0, x1, y1 = portrait.face
        scale = place.width / (x1 - x0)
        size = round(portrait.image.width * scale), round(portrait.image.height * scale)
        left = round(place.x - (x0 + x1) / 2 * scale)
        top = round(place.y - (y0 + y1) / 2 * scale)
        resized = portrait.image.resize(size, Image.Resampling.LANCZOS)
        scene.paste(resized, (left, top), _soft_edges(size))
        box = (left + x0 * scale, top + y0 * scale, left + x1 * scale, top + y1 * scale)
        truths.append(Truth(portrait.name, box))
    return scene, truths


def group(
    portraits: Sequence[Portrait], width: float, canvas: Image.Image
) -> tuple[Image.Image, list[Truth]]:
    """All portraits in a grid, each face `width` px wide."""
    columns = int(np.ceil(np.sqrt(len(portraits) * canvas.width / canvas.height)))
    rows = -(-len(portraits) // columns)
    places = [
        Place(
            (i % columns + 0.5) * canvas.width / columns,
            (i // columns + 0.5) * canvas.height / rows,
            width,
        )
        for i in range(len(portraits))
    ]
    return compose(portraits, places, canvas)


def found(truth: Truth, box: Box) -> bool:
    """Whether `box` is on the face: its centre inside, its width within a factor of 1.6."""
    x0, y0, x1, y1 = truth.box
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    ratio = (box[2] - box[0]) / (x1 - x0)
    return x0 < x < x1 and y0 < y < y1 and 1 / 1.6 < ratio < 1.6


def _soft_edges(size: tuple[int, int]) -> Image.Image:
    def ramp(length: int) -> np.ndarray:
        distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
        return np.minimum(1.0, distance / max(1.0, _FEATHER * length))

    mask = np.outer(ramp(size[1]), ramp(size[0])) * 255
    return Image.fromarray(mask.astype(np.uint8))


def main() -> None:
    """Write scenes and their ground truth into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("archive", type=Path, help="lfw.zip")
    parser.add_argument("folder", type=Path, help="where the scenes go")
    parser.add_argument("--count", type=int, default=10, help="number of scenes")
    parser.add_argument("--faces", type=int, default=6, help="number of faces in each scene")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(arguments.seed)
    portraits = lfw_portraits(arguments.archive, arguments.count * arguments.faces, step=7)
    truth = {}
    for index in range(arguments.count):
        some = portraits[index * arguments.faces : (index + 1) * arguments.faces]
        width = float(np.exp(random.uniform(np.log(40), np.log(350))))
        scene, faces = group(some, width, background(seed=arguments.seed + index))
        name = f"scene_{index:03}.jpg"
        scene.save(arguments.folder / name, quality=92)
        truth[name] = [asdict(face) for face in faces]
    (arguments.folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")


if __name__ == "__main__":
    main()
