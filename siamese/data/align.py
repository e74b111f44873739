"""Raw photos of people -> a training folder of aligned crops: `python -m siamese align`.

In: IDENTITY/photo.jpg, any format and size. Out: IDENTITY/photo.webp, cut as `pixels.STORED` says,
which is what `Collection.read` expects; and report.csv with a line for each photo that was left
out or deserves a look, and why.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tqdm import tqdm

from siamese import writing
from siamese.data.pixels import STORED
from siamese.errors import ImageError, InputError
from siamese.faces.detector import FaceDetector
from siamese.photos import load, photos_below

QUALITY = 92  # of the WebP; the crops are read many times and stored once


class Outcome(NamedTuple):
    """What became of a photo: "aligned", "several faces", "no face", "unreadable", "nobody's"."""

    photo: str
    outcome: str
    detail: str = ""


def align(source: Path, out: Path) -> list[Outcome]:
    """Align every photo below `source` into `out`; returns what became of each, in order.

    A file that cannot be used is reported, and is no error. Of several faces the most prominent is
    taken, and the report notes it. Raises InputError where no person has a file,
    or where the crops would lie among the photos.
    """
    photos = photos_below(source)
    if all(photo.parent == source for photo in photos):
        raise InputError(f"{source} holds no photos of people; expected IDENTITY/photo.jpg inside.")
    if out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies among the photos to align; please name another folder.")
    detector = FaceDetector(STORED)
    outcomes = list(_each(detector, source, out, photos))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "report.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Outcome._fields)
        writer.writerows(
            found._replace(photo=writing.cell(found.photo))
            for found in outcomes
            if found.outcome != "aligned"
        )
    return outcomes


def _each(detector: FaceDetector, source: Path, out: Path, photos: list[Path]) -> Iterator[Outcome]:
    for path in tqdm(photos, "aligning", unit="photo", disable=None):
        name = path.relative_to(source)
        if path.parent == source:
            yield Outcome(name.as_posix(), "nobody's", "outside any person's folder")
            continue
        try:
            photo = load(path, name.as_posix())
            (faces,) = detector.detect([photo])
        except ImageError as error:
            yield Outcome(name.as_posix(), "unreadable", str(error))
            continue
        if not faces:
            yield Outcome(name.as_posix(), "no face")
            continue
        # The suffix stays in the name; otherwise a.jpg and a.png would overwrite each other.
        target = out / name.parent / f"{name.name}.webp"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(detector.sharpen(photo, faces[:1])[0].crop).save(target, quality=QUALITY)
        if len(faces) > 1:
            yield Outcome(name.as_posix(), "several faces", f"{len(faces)}; the first was taken")
        else:
            yield Outcome(name.as_posix(), "aligned")
