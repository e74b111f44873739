"""The page's HTML: macros in `templates/`, which escape whatever is put into them.

They know `words`, `numbers`, `draw`, `said`, `listed` and `spoken` by name. A line break in a
template is none in the page, which has no white space between its elements; within a tag it is a
space.
"""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from ui import draw, words
from ui.html import numbers
from ui.languages import current, listed, said

_FOLDER = Path(__file__).with_name("templates")


def _joined(name: str) -> str:
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", " ", re.sub(r"(?<=[>}])\s*\n\s*|\s*\n\s*(?=[<{])", "", text)).strip()


_ENVIRONMENT = Environment(
    loader=FunctionLoader(_joined), undefined=StrictUndefined, autoescape=True
)
_ENVIRONMENT.globals |= {
    "words": words,
    "numbers": numbers,
    "draw": draw,
    "said": said,
    "listed": listed,
    "spoken": current,
}


def macros(name: str) -> Any:
    """The macros of one template; each returns Markup."""
    return _ENVIRONMENT.get_template(f"{name}.html").module
