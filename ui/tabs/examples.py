"""The examples on the page: pictures of nobody, and the buttons that try them.

Their answers are whatever the network says. See `examples/composites.py` for how they were made.
"""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from ui import draw, words
from ui.html.templates import macros
from ui.photo import Upload

FOLDER = Path(__file__).parents[2] / "examples"
PAIRS = (
    ("person A 1.webp", "person A 2.webp"),
    ("person B 1.webp", "person C 1.webp"),
    ("group.webp", "person C 2.webp"),
    ("person B 1.webp", "person B blurred.webp"),
    ("person B 3.webp", "person B 4.webp"),
    ("person E young.webp", "person E older.webp"),
    ("twin 1.webp", "twin 2.webp"),
    ("child 1.webp", "child 2.webp"),
)
PEOPLE = ("person A 1.webp", "person B 1.webp", "person C 1.webp", "person D 1.webp")
STRANGERS = ("person B 2.webp", "person C 2.webp", "person D 1.webp")
KNOWN = ("person A 1.webp", *(f"person B {n}.webp" for n in (1, 2, 3)), *PEOPLE[2:])
PICKS = (("person C 2.webp", PEOPLE), ("person A 1.webp", STRANGERS), ("person B 4.webp", KNOWN))
SIDE = 112  # px of a small picture

_HTML = macros("examples")


def pairs() -> Markup:
    """A button for each example of two photos."""
    return _strip(
        (caption, words.EXAMPLE_PAIR.format(first=stem(a), second=stem(b)), [[a], [b]])
        for (a, b), caption in zip(PAIRS, words.EXAMPLE_PAIRS, strict=True)
    )


def picks() -> Markup:
    """A button for each example of one photo and several people."""
    return _strip(
        (caption, words.EXAMPLE_PICK.format(query=stem(a), count=_people(many)), [[a], many])
        for (a, many), caption in zip(PICKS, words.EXAMPLE_PICKS, strict=True)
    )


def pair(row: str) -> tuple[Upload, Upload]:
    """The photos of an example whose number came from outside; an unknown one is the first."""
    first, second = PAIRS[_number(row, len(PAIRS))]
    return upload(first), upload(second)


def pick(row: str) -> tuple[Upload, list[Upload]]:
    """The photo and the people of an example, by its number as in `pair`."""
    query, people = PICKS[_number(row, len(PICKS))]
    return upload(query), [upload(name) for name in people]


def _people(photos: Sequence[str]) -> int:
    """How many people these show: "person B 1" and "person B 2" are one."""
    return len({name.rsplit(" ", 1)[0] for name in photos})


def _number(row: str, count: int) -> int:
    index = int(row) if row.isdecimal() and len(row) < 3 else 0
    return index if index < count else 0


def upload(name: str) -> Upload:
    """An example as if somebody had uploaded it."""
    return Upload(name, (FOLDER / name).read_bytes())


def stem(name: str) -> str:
    """What people call an example."""
    return name.rsplit(".", 1)[0]


def _strip(buttons: Iterable[tuple[str, str, Sequence[Sequence[str]]]]) -> Markup:
    """Buttons that show the pictures of each group close together, and a sign between groups."""
    shown = [
        (caption, f"{caption}. {label}", [[_small(name) for name in group] for group in groups])
        for caption, label, groups in buttons
    ]
    return Markup(_HTML.strip(shown, SIDE))


@functools.cache
def _small(name: str) -> str:
    with Image.open(FOLDER / name) as opened:
        picture = opened.convert("RGB")
    width = SIDE * picture.width // picture.height
    return draw.jpeg_url(picture.resize((width, SIDE), Image.Resampling.LANCZOS))
