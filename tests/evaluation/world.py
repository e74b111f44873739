"""A small world on disk in the layout of the real data: textures play people.

The detector is "none", so that whole pictures are compared: what is tested is the way from files
to figures. Everything is drawn from seeds.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from siamese import checkpoint
from siamese.checkpoint import CheckpointConfig
from siamese.data.people import Part, part_of
from siamese.network import NetworkConfig, Siamese


def picture(who: str, number: int, side: int) -> bytes:
    """A picture of somebody: a texture of their own, in changing light, with noise."""
    own = np.random.default_rng(list(who.encode()))
    texture = Image.fromarray(own.integers(40, 216, (6, 6, 3), dtype=np.uint8))
    pixels = np.asarray(texture.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    random = np.random.default_rng([number, *who.encode()])
    noise = random.normal(0, 18, (12, 12, 3)).repeat(-(-side // 12), 0).repeat(-(-side // 12), 1)
    pixels = pixels * random.uniform(0.85, 1.1) + random.normal(0, 8) + noise[:side, :side]
    image = Image.fromarray(np.clip(pixels, 13, 255).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=90)
    return file.getvalue()


def write_zip(path: Path, names: dict[str, tuple[str, int]], side: int) -> None:
    """A zip of pictures: name inside -> whom it shows and which of their pictures it is."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, (who, number) in names.items():
            archive.writestr(name, picture(who, number, side))


def people_of(part: Part, count: int, template: str) -> list[str]:
    """The first `count` names of that part; `template` takes a number."""
    names = (template.format(number) for number in range(100_000))
    chosen = (name for name in names if part_of(name) is part)
    return [next(chosen) for _ in range(count)]


def make(folder: Path) -> None:
    """lfw.zip, lfw_pairs.txt, test_groups.zip, train_fiw.zip in `folder`."""
    folder.mkdir()
    families = people_of(Part.CALIBRATION, 60, "F{:04d}") + people_of(
        Part.VALIDATION, 25, "F{:04d}"
    )
    crops = {
        f"{name}_MID{member}/P{number}_face0.webp": (f"{name}_MID{member}", number)
        for name in families + people_of(Part.TRAIN, 10, "F{:04d}")
        for member in (1, 2)
        for number in range(4)
    }
    write_zip(folder / "train_fiw.zip", crops, 128)
    groups = {
        f"age{10 * (i % 7) + 5:03d}_{('female', 'male')[i % 2]}_{('white', 'black')[i % 3 % 2]}"
        f"_{i:05d}.webp": (f"citizen{i}", 0)
        for i in range(40)
    }
    write_zip(folder / "test_groups.zip", groups, 128)
    photos = {
        f"Star_{who}/Star_{who}_{number:04d}.jpg": (f"star{who}", number)
        for who in range(40)
        for number in range(1, 6 if who < 30 else 2)
    }
    write_zip(folder / "lfw.zip", photos, 48)
    lines = ["2\t12"]
    for fold in range(2):
        stars = range(12 * fold, 12 * fold + 12)
        lines += [f"Star_{who}\t1\t{2 + who % 4}" for who in stars]
        lines += [f"Star_{who}\t1\tStar_{(who + 5) % 30}\t3" for who in stars]
    (folder / "lfw_pairs.txt").write_text("\n".join(lines) + "\n")


def raw_checkpoint(folder: Path) -> None:
    """A network that nobody trained, which tells textures apart well enough."""
    torch.manual_seed(0)
    network = Siamese(NetworkConfig(image_size=32, embedding_size=32)).eval()
    training = ({"sources": {"train_fiw.zip": "of no matter"}},)
    config = CheckpointConfig(network.config, detector="none", training=training)
    checkpoint.save(folder, network, config)
