"""Made drawings in Omniglot's form: characters of random strokes, each drawn by several hands."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 105
PEN = 4  # px


def strokes(random: np.random.Generator) -> np.ndarray:
    """A character: three strokes of three points each, (3, 3, 2) px."""
    return random.uniform(15, 90, (3, 3, 2))


def drawn(character: np.ndarray, random: np.random.Generator, tremor: float = 3.0) -> Image.Image:
    """One hand's drawing of a character: black on white, 1 bit, 105x105."""
    image = Image.new("1", (SIDE, SIDE), 1)
    pen = ImageDraw.Draw(image)
    for stroke in character + random.normal(0, tremor, character.shape):
        pen.line([tuple(point) for point in stroke.tolist()], 0, PEN, joint="curve")
    return image


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def write_alphabets(path: Path, sizes: dict[str, int], drawers: int, seed: int = 0) -> Path:
    """A zip of `Alphabet/characterNN/NNNN_MM.png` with this many characters in each alphabet."""
    random = np.random.default_rng(seed)
    with zipfile.ZipFile(path, "w") as archive:
        for alphabet, count in sizes.items():
            for number in range(1, count + 1):
                character = strokes(random)
                for drawer in range(1, drawers + 1):
                    name = f"{alphabet}/character{number:02d}/{number:04d}_{drawer:02d}.png"
                    archive.writestr(name, png(drawn(character, random)))
    return path
