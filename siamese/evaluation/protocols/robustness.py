"""What happens to a photo before it reaches the product: each way of spoiling one, by name.

Made for photos of LFW's form: 250 x 250 px, the face in the middle and about 125 px high.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from siamese.evaluation.bench import (
    LFW,
    LFW_PAIRS,
    Bench,
    Change,
    PhotoSet,
    embed_photos,
    pair_scores,
)
from siamese.evaluation.pair_lists import Pair
from siamese.evaluation.protocol import Protocol

LFW_FACE = 125  # px; median height of the detector's box in LFW's photos


def jpeg(photo: Image.Image) -> Image.Image:
    """Through JPEG at quality 20."""
    coded = io.BytesIO()
    photo.save(coded, "JPEG", quality=20)
    return Image.open(io.BytesIO(coded.getvalue())).convert("RGB")


def squeezed(photo: Image.Image, across: float, down: float) -> Image.Image:
    """With its width and its height times these."""
    size = round(photo.width * across), round(photo.height * down)
    return photo.resize(size, Image.Resampling.LANCZOS)


# The key names the deed in caches too: change it with what is done. A blur of 3 px is a fortieth of
# the face; a rotated photo has black corners; no EXIF says that it was turned.
CHANGES: dict[str, Change] = {
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "face of 32 px": lambda photo: ImageOps.scale(photo, 32 / LFW_FACE, Image.Resampling.LANCZOS),
    "blur 3 px": lambda photo: photo.filter(ImageFilter.GaussianBlur(3)),
    "JPEG 20": jpeg,
    "rotated 15 degrees": lambda photo: photo.rotate(15, Image.Resampling.BICUBIC),
    "turned by 90 degrees": lambda photo: photo.transpose(Image.Transpose.ROTATE_270),
    "1.3 times too tall": lambda photo: squeezed(photo, 1 / 1.3, 1),
    "1.3 times too wide": lambda photo: squeezed(photo, 1, 1 / 1.3),
    "1.8 times too tall": lambda photo: squeezed(photo, 1 / 1.8, 1),
    "1.8 times too wide": lambda photo: squeezed(photo, 1, 1 / 1.8),
}


def subset(pairs: Sequence[Pair], per_fold: int = 60) -> list[int]:
    """Positions of the first genuine and impostor pairs of each fold, `per_fold` of each kind."""
    taken: dict[tuple[int, bool], int] = {}
    chosen = []
    for position, pair in enumerate(pairs):
        kind = (pair.fold, pair.same)
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= per_fold:
            chosen.append(position)
    return chosen


def changed_row(scores: np.ndarray, same: np.ndarray, threshold: float) -> dict[str, float | int]:
    """Accuracy, FNMR, FMR and failures at a threshold; a pair without a score is an error."""
    failed = np.isnan(scores)
    match = scores >= threshold
    right = (match == same) & ~failed
    return {
        "pairs": len(scores),
        "failed_pairs": int(failed.sum()),
        "accuracy": float(right.mean()),
        "fnmr": float(1 - (match & ~failed)[same].mean()),
        "fmr": float((match & ~failed)[~same].mean()),
    }


def run(bench: Bench) -> dict[str, Any]:
    """Robustness: the second photo of each of 1,200 LFW pairs is spoiled, in one way at a time."""
    chosen = subset(bench.pairs)
    pairs = [bench.pairs[position] for position in chosen]
    same = np.array([pair.same for pair in pairs])
    photos = PhotoSet(bench.data / LFW, tuple(sorted({pair.b for pair in pairs})))
    threshold = bench.rule.point().threshold
    rows = {"untouched": changed_row(bench.lfw_scores[chosen], same, threshold)}
    for name, change in CHANGES.items():
        changed = embed_photos(bench.checkpoint, photos, bench.cache, (name, change))
        scores = pair_scores(bench.compare, bench.lfw, changed, pairs)
        rows[name] = changed_row(scores, same, threshold)
    return {"operating_point": bench.rule.point().name, "rows": rows}


PROTOCOLS = (Protocol("robustness", run, (LFW, LFW_PAIRS)),)
