"""Numbers, words and pictures of the page; nothing that comes from outside becomes HTML."""

import base64
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from siamese import ImageError
from siamese.calibration import probability
from ui import cards, draw, numbers, photo, text
from ui.visit import Member, Problem, Shown, gallery, person_of, remove, rename

HOSTILE = '"><script>alert(1)</script>'


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "under 0.1 %"),
        (0.0049, "0.5 %"),
        (0.5, "50 %"),
        (0.987, "99 %"),
        (0.9964, "99.6 %"),
        (1.0, "over 99.9 %"),
    ],
)
def test_nothing_is_certain_in_per_cent(share: float, words: str) -> None:
    assert numbers.percent(share) == words


def test_no_probability_reads_as_0_or_100() -> None:
    for share in np.linspace(0, 1, 2001):
        words = numbers.percent(float(share))
        assert words not in ("0 %", "100 %", "0.0 %", "100.0 %")


def test_positions_on_the_scale_grow_with_the_evidence() -> None:
    found = [numbers.position(logit) for logit in np.linspace(-12, 12, 100)]
    assert found == sorted(found)
    assert (found[0], numbers.position(0.0), found[-1]) == (0.0, 50.0, 100.0)


@pytest.mark.parametrize("prior", [0.01, 0.3, 0.5, 0.99])
def test_ticks_stand_where_their_probability_is_reached(prior: float) -> None:
    for left, label in numbers.ticks(prior):
        logit = (left / 100 * 2 - 1) * math.log(999)
        assert 100 * probability(logit, prior) == pytest.approx(float(label[:-2]), rel=0.01)


def test_names_from_outside_are_only_text() -> None:
    shown = Shown(HOSTILE, draw.jpeg_url(Image.new("RGB", (8, 8))))
    broken = Shown(HOSTILE, problem=Problem("unreadable_image", HOSTILE))
    pages = [
        cards.photo(shown, text.FIRST),
        cards.photo(broken, text.FIRST),
        cards.notice(HOSTILE),
        cards.members([Member(HOSTILE, shown), Member(HOSTILE, broken)]),
    ]
    for page in pages:
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_every_picture_has_words_or_says_that_it_needs_none() -> None:
    shown = Shown("a.jpg", draw.jpeg_url(Image.new("RGB", (8, 8))))
    page = cards.photo(shown, text.FIRST) + cards.members([Member("a", shown)])
    assert all("alt=" in tag for tag in re.findall(r"<img[^>]*>", page))


def test_an_answer_as_a_picture_shows_both_faces() -> None:
    red, blue = (np.full((96, 96, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))
    sheet = picture(draw.card([red, blue], "=", "same", "Same person", ["a", "b" * 300]))
    assert sheet.format == "PNG"
    assert sheet.getpixel((100, 100)) == (200, 0, 0)
    assert sheet.getpixel((sheet.width - 100, 100)) == (0, 0, 200)


def test_previews_are_small_and_carry_no_metadata() -> None:
    from siamese.images import load

    block = Image.Exif()
    block[0x010F] = "the maker of the camera"
    file = io.BytesIO()
    Image.new("RGB", (3000, 2000), "red").save(file, "JPEG", exif=block)
    preview = picture(draw.preview(load(file.getvalue(), "large.jpg")))
    assert preview.size == (900, 600)
    assert not preview.getexif()


def test_a_data_url_gives_its_bytes_and_anything_else_a_sentence() -> None:
    body = base64.b64encode(b"some bytes").decode()
    assert photo.take(f"data:image/png;base64,{body}").content == b"some bytes"
    named = photo.take({"url": f"data:image/png;base64,{body}", "orig_name": "../../a/b.png"})
    assert (named.name, named.content) == ("b.png", b"some bytes")
    for refused in ("https://example.org/a.jpg", "", "data:image/png,raw", "file:///etc/passwd"):
        with pytest.raises(ImageError, match="Web addresses are not fetched"):
            photo.take(refused)
    with pytest.raises(ImageError, match="not valid base64"):
        photo.take("data:image/png;base64,???")


def test_a_file_is_deleted_once_it_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"the photo")
    assert photo.take({"path": str(path), "orig_name": "mine.jpg"}).content == b"the photo"
    assert not path.exists()
    with pytest.raises(ImageError, match=r"mine\.jpg"):
        photo.take({"path": str(path), "orig_name": "mine.jpg"})


def test_people_of_the_support_set_by_name() -> None:
    embeddings = np.eye(3, dtype=np.float32)
    members = tuple(
        Member(person_of(name), Shown(name), row)
        for name, row in zip(("anna_b.jpg", "carl.png", "x"), embeddings, strict=True)
    )
    unusable = Member("anna b", Shown("letter.txt", problem=Problem("unreadable_image", "no")))
    people = gallery((*members, unusable), "weights")
    assert {name: len(rows) for name, rows in people.photos.items()} == {
        "anna b": 1,
        "carl": 1,
        "x": 1,
    }
    joined = gallery(rename(members, 2, "anna b"), "weights")
    assert joined.photos["anna b"].tolist() == [embeddings[0].tolist(), embeddings[2].tolist()]
    assert rename(members, 9, "nobody") == rename(members, 0, "") == members
    assert [member.person for member in remove(members, 1)] == ["anna b", "x"]


@pytest.mark.parametrize("face", ["-1", "2", "nonsense", "9" * 40, "²"])
def test_a_face_that_is_not_there_changes_nothing(face: str) -> None:
    shown = Shown("a.jpg", face=0)
    assert shown.choose(face) is shown
