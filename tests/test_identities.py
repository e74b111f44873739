"""Photos of one person: by the names of their files, as far as the network agrees.

pytest tests/test_identities.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from siamese import Gallery, Verifier
from siamese.answers import Proposals
from siamese.identities import base_name, groups
from siamese.support import Listed, read_support
from tests.pictures import encoded, portrait


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("ann 2", "ann"),
        ("ann_02", "ann"),
        ("ann (1)", "ann"),
        ("ann - Copy (2)", "ann"),
        ("ann - Copy", "ann"),
        ("img4", "img"),
        ("IMG_20240101_123456", "IMG"),
        ("person A 2", "person A"),
        ("Müller-3", "Müller"),
        ("Carl", "Carl"),
        ("2020", "2020"),
        ("(1)", "(1)"),
        ("photocopy", "photocopy"),
        ("copy", "copy"),
    ],
)
def test_a_number_or_a_copy_mark_at_the_end_is_not_part_of_a_name(name: str, base: str) -> None:
    assert base_name(name) == base == base_name(base)


@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.floats(-1, 1))
def test_groups_are_those_of_average_linkage(seed: int, count: int, limit: float) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, 2))
    logits = 2 - np.abs(rows[:, None] - rows).sum(axis=-1)
    tree = linkage(squareform(2 - logits, checks=False), "average")
    labels = fcluster(tree, 2 - limit, "distance")
    expected = sorted(np.flatnonzero(labels == label).tolist() for label in set(labels))
    assert groups(logits, limit) == expected


def test_groups_that_are_given_are_kept() -> None:
    logits = np.array([[9.0, -9, 1], [-9, 9, 0.5], [1, 0.5, 9]])
    assert groups(logits, 0.0) == [[0, 2], [1]]
    assert groups(logits, 0.0, [[0, 1], [2]]) == [[0, 1, 2]]
    assert groups(logits, 0.8, [[0, 1], [2]]) == [[0, 1], [2]]


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(portrait().resize((50, 50))))


def test_names_that_differ_by_a_number_are_of_one_person_and_folders_are_people(
    tmp_path: Path,
) -> None:
    write(tmp_path, "img1.png", "img4.png", "bo/1.png", "bo/2.png", "cy.png", "bo 3.png")
    found = {photo.photo.name: (photo.identity, photo.alone) for photo in read_support(tmp_path)}  # type: ignore[union-attr]
    assert found == {
        "img1.png": ("img", "img1"),
        "img4.png": ("img", "img4"),
        "1.png": ("bo", ""),
        "2.png": ("bo", ""),
        "bo 3.png": ("bo", "bo 3"),
        "cy.png": ("cy", "cy"),
    }
    assert read_support({"a 1": b"", "a 2": b""}) == [Listed("a 1", b""), Listed("a 2", b"")]


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier.from_pretrained()


def vectors(verifier: Verifier, *people: int) -> np.ndarray:
    """An embedding for each of these numbers: the same number, nearly the same embedding."""
    size = verifier.embed([]).shape[1]
    random = np.random.default_rng(7)
    means = random.normal(size=(max(people) + 1, size))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    rows = means[list(people)] + 0.05 / size**0.5 * random.normal(size=(len(people), size))
    return np.asarray(rows, np.float32)


def test_the_network_parts_what_only_numbers_joined(verifier: Verifier) -> None:
    """A camera's numbers name nobody."""
    photos = [Listed.by_file(name, b"") for name in ("img1", "img4", "img5", "img", "img", "bo 2")]
    rows = vectors(verifier, 0, 0, 0, 0, 0, 1)
    assert verifier.names(photos, rows) == ["img"] * 5 + ["bo 2"]
    rows = vectors(verifier, 0, 1, 0, 2, 3, 4)
    assert verifier.names(photos, rows) == ["img1", "img4", "img1", "img", "img 2", "bo 2"]


def test_names_that_were_given_stay_and_numbers_join_only_who_they_show(verifier: Verifier) -> None:
    told = [
        Listed("bo", b""),
        Listed("bo", b""),
        Listed("bo", b"", "bo 3"),
        Listed("bo", b"", "bo 4"),
    ]
    rows = vectors(verifier, 0, 1, 1, 2)
    assert verifier.names(told, rows)[:2] == ["bo", "bo"]
    assert verifier.names(told, rows)[3] == "bo 4"


def test_people_who_seem_to_be_one_or_several_are_proposed_and_followed(
    verifier: Verifier,
) -> None:
    rows = vectors(verifier, 0, 0, 1, 2, 3, 1)
    people = {"ann": rows[:1], "img4": rows[1:2], "bo": rows[2:4], "cy": rows[4:5], "di": rows[5:]}
    gallery = Gallery(people, verifier.origin.sha256)
    found = verifier.proposals(gallery)
    assert found.merge == (("ann", "img4"),) and found.part == {"bo": ((0,), (1,))}
    after = verifier.grouped(gallery)
    sizes = {name: len(own) for name, own in after.photos.items()}
    assert sizes == {"ann": 2, "bo": 2, "cy": 1, "bo 2": 1}, "parted, then joined with who they are"
    assert verifier.proposals(after) == Proposals()


def test_too_many_photos_are_not_compared_each_with_each(verifier: Verifier) -> None:
    rows = vectors(verifier, *range(3)).repeat(100, axis=0)
    gallery = Gallery({f"{row}": rows[row : row + 1] for row in range(300)}, "0" * 64)
    assert verifier.proposals(replace(gallery, sha256=verifier.origin.sha256)) == Proposals()


def test_enrolled_photos_are_warned_of_like_queries(verifier: Verifier) -> None:
    small = portrait().resize((110, 110))
    support = {"ann": portrait(), "bo": small}
    found = verifier.pick(portrait(), support)
    (doubtful,) = found.doubtful
    assert (doubtful.identity, [warning.code for warning in doubtful.warnings]) == (
        "bo",
        [warning.code for warning in verifier.pick(small, support).query.warnings],
    )
    assert doubtful.warnings
