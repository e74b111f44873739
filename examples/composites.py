"""Make the example pictures: composites of many photos, so that none of them is anybody.

    python -m examples.composites train_celeba.zip reference_network.safetensors examples

A composite person is a group of people who look alike by the reference embeddings; each of its
pictures is the average of other photos of that group, so the versions share no photo. The groups
share no person. Photos are warped so that their landmarks agree (they come aligned), averaged
where they show something, fading out towards their edges so that no edge is seen, and set in a
soft oval on a plain ground.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from siamese.data import people
from siamese.data.pixels import read_pixels
from siamese.data.reference import Reference
from siamese.training.batches import centroids_of

GROUP = 10  # people in one composite person
PHOTOS = 3  # of each of them in one picture
VERSIONS = 2
SIDE = 128  # of the stored crops
SCALE = 3  # of the example pictures
FADE = 6  # px of a stored crop, over which a photo fades out towards its edge
GROUNDS = ((196, 206, 214), (214, 204, 190), (190, 208, 196), (206, 196, 212))
IN_GROUP = "BCD"
CACHE = Path.home() / ".cache" / "siamese"


def groups(centroids: np.ndarray, enough: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """`count` groups of look-alikes, row numbers of `centroids`, no person in two of them.

    Only rows where `enough` is true take part. A group is a random person and the nearest others;
    the groups are as far from each other as a greedy search over random persons finds them.
    """
    random = np.random.default_rng(seed)
    unit = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    free = np.flatnonzero(enough)
    chosen: list[np.ndarray] = []
    middles: list[np.ndarray] = []
    for _ in range(count):
        firsts = random.choice(free, min(100, len(free)), replace=False)
        if middles:
            near = (unit[firsts] @ np.array(middles).T).max(axis=1)
            firsts = firsts[np.argsort(near)]
        order = free[np.argsort(-(unit[free] @ unit[firsts[0]]))]
        chosen.append(order[:GROUP])
        middles.append(unit[order[:GROUP]].mean(axis=0))
        free = np.setdiff1d(free, order[:GROUP])
    return chosen


def composite(pixels: np.ndarray, ground: tuple[int, int, int]) -> Image.Image:
    """The average of stored crops (uint8 (N, 4, H, W)) in a soft oval on a plain ground."""
    visible = np.stack([_faded(mask) for mask in pixels[:, 3]])[:, None]
    colours = pixels[:, :3].astype(np.float32)
    # Every photo gets the mean brightness of all before they are averaged.
    level = (colours * visible).sum((1, 2, 3)) / (3 * visible.sum((1, 2, 3))).clip(1)
    colours *= (level.mean() / level.clip(1))[:, None, None, None]
    weight = visible.sum(0)
    mean = (colours * visible).sum(0) / weight.clip(1e-3)
    picture = Image.fromarray(mean.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
    large = picture.resize((SIDE * SCALE, SIDE * SCALE), Image.Resampling.LANCZOS)
    large = large.filter(ImageFilter.UnsharpMask(5, 60, 2))
    canvas = Image.new("RGB", large.size, ground)
    canvas.paste(large, (0, 0), _oval(large.size))
    return canvas


def _faded(mask: np.ndarray) -> np.ndarray:
    """How much a photo counts at each pixel, float32 0..1, from where it shows something."""
    inner = Image.fromarray(mask).filter(ImageFilter.MinFilter(2 * FADE + 1))
    return np.asarray(inner.filter(ImageFilter.GaussianBlur(FADE / 2)), np.float32) / 255


def _oval(size: tuple[int, int]) -> Image.Image:
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    across = (x - size[0] * 0.5) / (size[0] * 0.37)
    down = (y - size[1] * 0.55) / (size[1] * 0.44)
    edge = np.clip((1.0 - np.hypot(across, down)) / 0.18, 0, 1)
    return Image.fromarray((edge * 255).astype(np.uint8))


def together(pictures: Sequence[Image.Image], ground: tuple[int, int, int]) -> Image.Image:
    """Several composites beside each other, as in a photo of a group."""
    side = pictures[0].width
    canvas = Image.new("RGB", (side * len(pictures), side), ground)
    for place, picture in enumerate(pictures):
        canvas.paste(picture, (side * place, 0))
    return canvas


def main(source: Path, teacher: Path, out: Path, count: int = 4, seed: int = 5) -> None:
    """Write `count` composite persons, VERSIONS pictures each, as WebP files into `out`."""
    pictures = people.list_pictures(source)
    owners: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(pictures):
        owners[picture.identity].append(row)
    rows_of = list(owners.values())
    enough = np.array([len(rows) >= PHOTOS * VERSIONS for rows in rows_of])
    centroids = centroids_of(pictures, Reference(teacher).of(pictures))
    out.mkdir(parents=True, exist_ok=True)
    for number, group in enumerate(groups(centroids, enough, count, seed)):
        for version in range(VERSIONS):
            # Every other photo of each person, since neighbours often come from one occasion.
            rows = [rows_of[p][version + VERSIONS * k] for p in group for k in range(PHOTOS)]
            pixels = read_pixels([pictures[row] for row in sorted(rows)], SIDE, 3, CACHE)
            picture = composite(np.array(pixels), GROUNDS[number % len(GROUNDS)])
            picture.save(out / f"person {'ABCDEFGH'[number]} {version + 1}.webp", quality=90)
    alone = [Image.open(out / f"person {name} 1.webp").convert("RGB") for name in IN_GROUP]
    together(alone, GROUNDS[0]).save(out / "group.webp", quality=90)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:4]))
