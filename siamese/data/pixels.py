"""Stored pictures as a network takes them: aligned crops with their margin, or whole pictures."""

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from siamese.data.people import Picture, fingerprint, unpacked
from siamese.errors import InputError
from siamese.faces.alignment import Alignment
from siamese.faces.whole_picture import plain_crop
from siamese.photos import load


def plain(pixels: Tensor, window: tuple[float, float, float, float], size: int) -> Tensor:
    """The canonical crop without any change: what the product shows the network.

    The product continues a photo beyond its edge, so a black border is filled with a smooth
    extension here. Shapes and ranges as in `apply`.
    """
    planes = pixels.float() / 255
    pictures, visible = planes[:, :-1], planes[:, -1:]
    pictures = pictures * visible + (1 - visible) * _extend(pictures * visible, visible)
    identity = torch.eye(2, 3, device=pixels.device).expand(len(pictures), 2, 3)
    grid = _grid(identity, window, pictures.shape[-2:], size)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _grid(
    matrix: Tensor, window: tuple[float, float, float, float], shape: torch.Size, size: int
) -> Tensor:
    """Sampling positions (B, size, size, 2) in grid_sample's units for a window and a matrix."""
    height, width = shape
    x0, y0, x1, y1 = window
    half = matrix.new_tensor([(x1 - x0) / width, (y1 - y0) / height])
    centre = matrix.new_tensor([(x0 + x1) / width - 1, (y0 + y1) / height - 1])
    grid = F.affine_grid(matrix, [len(matrix), 1, size, size], align_corners=False)
    return grid * half + centre


def _extend(pictures: Tensor, visible: Tensor) -> Tensor:
    """Continue a picture smoothly into its border: averages of what is visible, coarse to fine."""
    shape = pictures.shape[-2:]
    levels: list[tuple[Tensor, Tensor]] = []
    while len(levels) < 5 and min(pictures.shape[-2:]) > 1:
        pictures, visible = F.avg_pool2d(pictures, 2), F.avg_pool2d(visible, 2)
        levels.append((pictures, visible))
    share = visible.mean((2, 3), keepdim=True).clamp(min=1e-3)
    extension = pictures.mean((2, 3), keepdim=True) / share
    for pictures, visible in reversed(levels):
        extension = F.interpolate(extension, pictures.shape[-2:], mode="bilinear")
        known = (visible * 4).clamp(max=1)
        extension = extension * (1 - known) + pictures / visible.clamp(min=1e-3) * known
    return F.interpolate(extension, shape, mode="bilinear")


NEARLY_BLACK = 12  # lossy compression leaves a little noise in what was black


def read_pixels(
    pictures: Sequence[Picture], side: int, channels: int, cache: Path, whole: bool = False
) -> np.ndarray:
    """Decode pictures into one array, kept on disk so that the next run need not decode again.

    Aligned crops must have this side. `whole` pictures may have any size: they are scaled to it as
    the product does for checkpoints without a detector, and all of them is visible.

    Returns uint8 (N, channels + 1, side, side), memory-mapped. The last plane is 255 where the
    picture shows something and 0 in a black border (see `visible`). Raises ImageError, naming it,
    where a picture cannot be read.
    """
    key = hashlib.sha256(f"{side} {channels} {'whole' if whole else NEARLY_BLACK}".encode())
    for source in dict.fromkeys(picture.source for picture in pictures):
        key.update(fingerprint(Path(source)).encode())
    for picture in pictures:
        key.update(picture.name.encode() + b" turned" * picture.turn)
    path = cache / f"pixels-{key.hexdigest()[:16]}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # of processes that train together one decodes
            if not path.exists():
                _decode_into(path, pictures, side, channels, whole)
    found = load_cached(path, mmap_mode="r")
    if found.shape != (len(pictures), channels + 1, side, side) or found.dtype != np.uint8:
        raise damaged(path)
    return found


def load_cached(path: Path, **how: Any) -> Any:
    """What a file of the cache holds; InputError where it is damaged, or would run a program."""
    try:
        return np.load(path, allow_pickle=False, **how)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise damaged(path) from error


def damaged(path: Path) -> InputError:
    """The sentence on a file of the cache that is not what was written there."""
    return InputError(f"{path} is damaged, or not of this program; please delete it and try again.")


def _decode_into(
    path: Path, pictures: Sequence[Picture], side: int, channels: int, whole: bool
) -> None:
    def crop(picture: Picture, content: bytes) -> np.ndarray:
        photo = load(content, picture.name)
        if not whole and photo.size != (side, side):
            raise InputError(
                f"{picture.name} is {photo.size[0]}x{photo.size[1]} px, not {side}x{side};"
                " align raw photos first with `python -m siamese align`."
            )
        return plain_crop(photo, side, channels)

    part = path.with_suffix(".part")
    shape = (len(pictures), channels + 1, side, side)
    try:
        pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        crops = _in_threads(crop, pictures)
        for index, found in enumerate(tqdm(crops, "decoding", len(pictures))):
            planes = found.transpose(2, 0, 1)
            pixels[index, :channels] = np.rot90(planes, pictures[index].turn, axes=(1, 2))
            pixels[index, channels] = 255 if whole else visible(planes) * np.uint8(255)
        pixels.flush()
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)  # gigabytes that nothing would ever read


def visible(planes: np.ndarray) -> np.ndarray:
    """Where an aligned crop shows the photo and not the black beyond its edge.

    `planes` is uint8 (C, H, W); the result is bool (H, W). What lies outside a photo is black and
    reaches the crop's edge. The photo is convex, so from every point outside it one of the four
    axis directions leads to the edge over black alone: four running products find it exactly.
    """
    black = planes.max(axis=0) <= NEARLY_BLACK
    outside = np.zeros_like(black)
    for axis in (0, 1):
        for flip in (False, True):
            view = np.flip(black, axis) if flip else black
            run = np.logical_and.accumulate(view, axis=axis)
            outside |= np.flip(run, axis) if flip else run
    grown = outside.copy()  # one pixel more: interpolation darkened the rim
    grown[1:] |= outside[:-1]
    grown[:-1] |= outside[1:]
    grown[:, 1:] |= outside[:, :-1]
    grown[:, :-1] |= outside[:, 1:]
    return ~grown


def _in_threads(
    work: Callable[[Picture, bytes], np.ndarray], pictures: Sequence[Picture]
) -> Iterator[np.ndarray]:
    """What `work` makes of each picture and the bytes of its file, in order."""
    sources = {picture.source for picture in pictures}
    archives = {name: zipfile.ZipFile(name) for name in sources if not Path(name).is_dir()}

    def done(picture: Picture) -> np.ndarray:
        # Read here, so that no more files are in memory than there are threads.
        if picture.source in archives:
            return work(picture, unpacked(archives[picture.source], picture.name))
        return work(picture, (Path(picture.source) / picture.name).read_bytes())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(pictures), 512):
            yield from pool.map(done, pictures[start : start + 512])
    for archive in archives.values():
        archive.close()


# How aligned crops are stored: the 112 x 112 template, px for px, with 8 px on every side.
STORED = Alignment(size=128, window=(-8, -8, 120, 120))


CACHE = Path.home() / ".cache" / "siamese"
