"""Choosing among the faces of a photo that was searched once gives what a new search gives."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from siamese import Gallery, InputError, NoFaceError, Verifier
from tests import app_server, pictures


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return app_server.verifier()


@pytest.fixture(scope="module")
def group() -> Image.Image:
    """Two faces: the portrait, and smaller its mirror image."""
    picture = Image.new("RGB", (1200, 700), "#58707a")
    picture.paste(pictures.portrait(), (60, 120))
    picture.paste(ImageOps.mirror(pictures.portrait()).resize((380, 380)), (760, 60))
    return picture


def test_a_sighting_takes_the_place_of_its_photo(verifier: Verifier, group: Image.Image) -> None:
    seen, portrait = verifier.find(group), pictures.portrait()
    for face in (0, 1):
        again = verifier.verify(seen, portrait, first_face=face)
        fresh = verifier.verify(group, portrait, first_face=face)
        assert again.logit == pytest.approx(fresh.logit, abs=1e-4)
        assert again.first.chosen == face
    assert np.allclose(verifier.embed([seen]), verifier.embed([group]), atol=1e-5)


def test_all_pairs_are_the_single_comparisons(verifier: Verifier, group: Image.Image) -> None:
    seen = verifier.find(group)
    table = verifier.all_pairs(seen, group)
    assert table.shape == (2, 2)
    for row in (0, 1):
        for column in (0, 1):
            pair = verifier.verify(seen, group, first_face=row, second_face=column)
            assert table[row, column] == pytest.approx(pair.logit, abs=1e-3)
    assert np.allclose(table, table.T, atol=1e-3)
    assert table[0, 0] == pytest.approx(table[0].max(), abs=1e-3)  # none is more like it


def test_a_query_can_be_a_sighting(verifier: Verifier) -> None:
    portrait = pictures.portrait()
    gallery = Gallery({"Eileen": verifier.embed([portrait])}, verifier.origin.sha256)
    by_photo = verifier.pick(portrait, gallery)
    by_sighting = verifier.pick(verifier.find(portrait), gallery)
    assert by_sighting.ranking[0].logit == pytest.approx(by_photo.ranking[0].logit, abs=1e-4)


def test_errors_name_the_photo(verifier: Verifier) -> None:
    with pytest.raises(NoFaceError, match=r"meadow\.jpg"):
        verifier.find(Image.new("RGB", (300, 200), "green"), name="meadow.jpg")
    with pytest.raises(InputError, match="Face 5"):
        verifier.verify(verifier.find(pictures.portrait()), pictures.portrait(), first_face=5)
