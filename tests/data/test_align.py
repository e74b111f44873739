"""Raw photos -> a training folder, with a report of what was left out."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese.data import people
from siamese.data.align import align
from siamese.data.pixels import read_pixels
from siamese.errors import InputError
from siamese.faces.alignment import TEMPLATE
from tests.pictures import PORTRAIT_LANDMARKS, encoded, portrait


def test_photos_become_a_training_folder(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    (raw / "eileen").mkdir(parents=True)
    (raw / "wall").mkdir()
    (raw / "eileen" / "a.jpg").write_bytes(encoded(portrait(), "JPEG"))
    (raw / "eileen" / "a.png").write_bytes(encoded(portrait()))
    (raw / "wall" / "grey.png").write_bytes(encoded(Image.new("RGB", (90, 90), "grey")))
    (raw / "wall" / "text.jpg").write_text("text")
    outcomes = {found.photo: found.outcome for found in align(raw, out)}
    assert outcomes == {
        "eileen/a.jpg": "aligned",
        "eileen/a.png": "aligned",
        "wall/grey.png": "no face",
        "wall/text.jpg": "unreadable",
    }
    with (out / "report.csv").open(newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)] == ["no face", "unreadable"]
    pictures = people.list_pictures(out)
    assert [picture.identity for picture in pictures] == ["eileen", "eileen"]
    pixels = read_pixels(pictures, 128, 3, tmp_path / "cache")
    assert pixels.shape == (2, 4, 128, 128)


def test_the_crop_holds_the_template_with_its_margin(tmp_path: Path) -> None:
    """Against the photo itself, sampled through the similarity of the landmarks set by hand."""
    (tmp_path / "raw" / "eileen").mkdir(parents=True)
    (tmp_path / "raw" / "eileen" / "a.png").write_bytes(encoded(portrait()))
    align(tmp_path / "raw", tmp_path / "out")
    crop = np.asarray(Image.open(tmp_path / "out" / "eileen" / "a.png.webp").convert("RGB"))
    source = np.array([complex(*point) for point in PORTRAIT_LANDMARKS])
    target = np.array([complex(x + 8, y + 8) for x, y in TEMPLATE])
    centred = source - source.mean()
    factor = (centred.conj() @ (target - target.mean())) / (abs(centred) ** 2).sum()
    shift = target.mean() - factor * source.mean()
    whole = np.asarray(portrait())
    grid = np.mgrid[32:96:4, 32:96:4].reshape(2, -1)
    back = ((grid[1] + 0.5) + 1j * (grid[0] + 0.5) - shift) / factor
    expected = whole[back.imag.astype(int), back.real.astype(int)].astype(float).ravel()
    assert np.corrcoef(expected, crop[grid[0], grid[1]].astype(float).ravel())[0, 1] > 0.85


@pytest.mark.parametrize("name", [None, "a.png"])
def test_a_folder_without_people_is_refused(tmp_path: Path, name: str | None) -> None:
    if name:
        (tmp_path / name).write_bytes(encoded(portrait()))
    with pytest.raises(InputError, match="no photos of people"):
        align(tmp_path, tmp_path / "out")


def test_every_file_is_tried_or_reported_and_none_is_aligned_twice(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for name in ("eileen/2020/a.jfif", "eileen/b", "stray.png", "eileen/Thumbs.db", ".x/c.png"):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(encoded(portrait()))
    with pytest.raises(InputError, match="among the photos"):
        align(raw, raw / "out")
    outcomes = {found.photo: found.outcome for found in align(raw, tmp_path / "out")}
    assert outcomes == {
        "eileen/2020/a.jfif": "aligned",
        "eileen/b": "aligned",
        "stray.png": "nobody's",
    }


def test_a_report_has_no_formulas(tmp_path: Path) -> None:
    raw = tmp_path / "raw" / "=cmd|' -C calc'!A0"
    raw.mkdir(parents=True)
    (raw / "a.jpg").write_text("text")
    align(tmp_path / "raw", tmp_path / "out")
    with (tmp_path / "out" / "report.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["photo"] == "'=cmd|' -C calc'!A0/a.jpg"
