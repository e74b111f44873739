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
    ("person B 1.webp", "person D 1.webp"),
    ("person C 1.webp", "person A 1.webp"),
)
QUERY = "person C 2.webp"
PEOPLE = ("person A 1.webp", "person B 1.webp", "person C 1.webp", "person D 1.webp")
SIDE = 112  # px of a small picture

_HTML = macros("examples")


def pairs() -> Markup:
    """A button for each example of two photos."""
    return _strip(
        (words.EXAMPLE_PAIR.format(first=stem(a), second=stem(b)), [[a], [b]]) for a, b in PAIRS
    )


def pick() -> Markup:
    """A button for the example of one photo and several people."""
    label = words.EXAMPLE_PICK.format(query=stem(QUERY), count=len(PEOPLE))
    return _strip([(label, [[QUERY], PEOPLE])])


def pair(row: str) -> tuple[Upload, Upload]:
    """The photos of an example whose number came from outside; an unknown one is the first."""
    index = int(row) if row.isdecimal() and len(row) < 3 else 0
    first, second = PAIRS[index if index < len(PAIRS) else 0]
    return upload(first), upload(second)


def upload(name: str) -> Upload:
    """An example as if somebody had uploaded it."""
    return Upload(name, (FOLDER / name).read_bytes())


def stem(name: str) -> str:
    """What people call an example."""
    return name.rsplit(".", 1)[0]


def _strip(buttons: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> Markup:
    """Buttons that show the pictures of each group close together, and a sign between groups."""
    shown = [
        (label, [[_small(name) for name in group] for group in groups]) for label, groups in buttons
    ]
    return Markup(_HTML.strip(shown, SIDE))


@functools.cache
def _small(name: str) -> str:
    with Image.open(FOLDER / name) as picture:
        return draw.jpeg_url(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
