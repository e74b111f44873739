"""Which pictures train, choose and calibrate, by either rule."""

from collections import Counter
from pathlib import Path

from siamese.checkpoint import CheckpointConfig
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.people import Part, Picture
from siamese.data.split import (
    ALPHABETS,
    CALIBRATION_ALPHABETS,
    HELD_OUT_DRAWERS,
    PEOPLE,
    VALIDATION_ALPHABETS,
    outlook,
    strangers_in,
)
from siamese.network import NetworkConfig


def picture(alphabet: str, drawer: int, character: int = 1) -> Picture:
    identity = f"{alphabet}/character{character:02d}"
    return Picture("images.zip", f"{identity}/0709_{drawer:02d}.png", identity)


def test_five_alphabets_and_four_drawers_are_held_out() -> None:
    held_out = {*VALIDATION_ALPHABETS, *CALIBRATION_ALPHABETS}
    assert len(held_out) == 5 and len(HELD_OUT_DRAWERS) == 4
    for drawer in range(1, 21):
        trains = ALPHABETS.part(picture("Korean", drawer))
        assert trains is (None if drawer > 16 else Part.TRAIN)
        for alphabet in held_out:
            part = ALPHABETS.part(picture(alphabet, drawer))
            assert part in (Part.VALIDATION, Part.CALIBRATION)
    assert ALPHABETS.part(picture("Hebrew", 1)) is Part.VALIDATION
    assert ALPHABETS.part(picture("Tagalog", 1)) is Part.CALIBRATION


def test_the_parts_of_omniglot(omniglot: Path) -> None:
    """All named alphabets exist, and nothing is in two parts or in none by mistake."""
    pictures = people.list_pictures(omniglot / "images_background.zip")
    parts = Counter(ALPHABETS.part(p) for p in pictures)
    assert parts == {
        Part.TRAIN: 809 * 16,
        None: 809 * 4,
        Part.VALIDATION: (46 + 22) * 20,
        Part.CALIBRATION: (29 + 41 + 17) * 20,
    }


def test_a_turned_character_is_of_a_turned_alphabet() -> None:
    turned = people.turned([picture("Korean", 3), picture("Korean", 4)])
    assert len(turned) == 8 and len({p.identity for p in turned}) == 4
    assert Counter(p.turn for p in turned) == {0: 2, 1: 2, 2: 2, 3: 2}
    assert turned[0] == picture("Korean", 3)
    families = {ALPHABETS.family(p.identity) for p in turned}
    assert families == {"Korean", "Korean turned 90", "Korean turned 180", "Korean turned 270"}


def test_people_are_split_as_they_always_were() -> None:
    someone = Picture("people.zip", "F0001_MID1/1.webp", "F0001_MID1")
    assert PEOPLE.part(someone) is people.part_of("F0001_MID1")
    assert PEOPLE.family("F0001_MID1") == "F0001"
    assert Collection((someone,), PEOPLE).sources == ["people.zip"]
    assert Collection((picture("Korean", 1),), ALPHABETS).sources == ["Korean"]


def test_a_source_is_of_strangers_unless_its_name_or_content_was_trained_on() -> None:
    config = CheckpointConfig(NetworkConfig(), training=({"sources": {"a.zip": "1"}}, {}))
    hashes = {Path("x/a.zip"): "9", Path("x/copy.zip"): "1", Path("x/b.zip"): "2"}
    assert strangers_in(hashes, config) == ["b.zip"]


def test_the_size_of_a_calibration_is_reported_beforehand() -> None:
    def said(count: int) -> str:
        pictures = [Picture("s", f"{w}/{n}.png", f"p{w}") for w in range(count) for n in (1, 2)]
        return outlook(pictures, PEOPLE) or ""

    assert said(70).startswith("Of these 70 people, 8 ") and "about 150 in all" in said(70)
    assert "cross-validated" in said(200) and "about 600" in said(200)
    assert said(600) == ""
