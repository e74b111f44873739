"""The language of a visit: which one it is, and what an English sentence is in it.

A catalog (`<code>.po`, gettext) has every sentence of the page by its English one. The language
goes with the request, in a context variable, so whoever words something need not be told it.
`ui.words` is translated where it is read; sentences of the package, which speaks English only, are
known by their templates when they are shown: see `said`.
"""

import contextlib
import functools
import gettext
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel import Locale
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_decimal_symbol

ENGLISH = "en"
# Each by its own name.
LANGUAGES = {
    ENGLISH: "English",
    "es": "Español",
    "de": "Deutsch",
    "fr": "Français",
    "hi": "हिन्दी",
    "zh-Hans": "简体中文",
}
PACKAGE = "package"  # the context in the catalogs of sentences that `siamese` words
FOLDER = Path(__file__).parent

_NUMERAL = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_LANGUAGE = ContextVar("language", default=ENGLISH)


def current() -> str:
    """The code of the language that is spoken now."""
    return _LANGUAGE.get()


@contextlib.contextmanager
def speaking(code: str) -> Iterator[None]:
    """Everything inside is said in this language."""
    before = _LANGUAGE.set(code)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


def best(accepted: str) -> str:
    """The first of ours that a browser's header Accept-Language asks for; English for none."""
    ranked = []
    for part in accepted[:200].split(","):
        tag, _, quality = part.partition(";q=")
        with contextlib.suppress(ValueError):
            ranked.append((-float(quality or 1), tag.strip().lower().partition("-")[0]))
    ours = {code.partition("-")[0]: code for code in LANGUAGES}
    return next((ours[tag] for _, tag in sorted(ranked, key=_rank) if tag in ours), ENGLISH)


def _rank(asked: tuple[float, str]) -> float:
    return asked[0]


@dataclass(frozen=True, slots=True)
class Plural:
    """A sentence about how many, `{count}`, in its English forms for one and for others."""

    one: str
    others: str

    def say(self, *, count: int, **values: Any) -> str:
        """The sentence, in the form that the language has for this number."""
        form = _spoken_by(current()).ngettext(self.one, self.others, count)
        return form.format(count=count, **values)


def translated(english: str) -> str:
    """A sentence or template of the page; as it is where the catalog does not have it."""
    return _spoken_by(current()).gettext(english) if english else ""


def said(english: str) -> str:
    """A sentence of the package, found by its template; what stands in it is said in turn.

    What is no such sentence (a name, or what is translated already) stays as it is.
    """
    return _said(english, said)


def measured(english: str) -> str:
    """As `said`, of a number with or without words: "under 0.1 %", "1,234.5"."""
    return _said(numeral(english), numeral)


def _said(english: str, value: Callable[[str], str]) -> str:
    for pattern, template in _templates(current()):
        match = pattern.fullmatch(english)
        if match:
            return template.format(*map(value, match.groups()))
    return english


def numeral(english: str) -> str:
    """A number as English writes it, "1,234.5", as the language does; all else as it is."""
    if not _NUMERAL.fullmatch(english):
        return english
    whole, point, fraction = english.partition(".")
    integer: str = format_decimal(int(whole.replace(",", "")), locale=locale())
    return integer + (get_decimal_symbol(locale()) + fraction if point else "")


def listed(parts: Sequence[str]) -> str:
    """One, two, and three."""
    return format_list(list(parts), locale=locale())


def locale() -> Locale:
    """What Babel knows of the language."""
    return Locale.parse(current(), sep="-")


def read(code: str) -> Catalog:
    """The catalog of a language."""
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, Locale.parse(code, sep="-"))


@functools.cache
def _spoken_by(code: str) -> gettext.NullTranslations:
    if code == ENGLISH:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read(code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@functools.cache
def _templates(code: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """What recognises each sentence of the package, and its template in the language.

    Longer ones first: "the photo {0}" is the beginning of others.
    """
    catalog = read(code) if code != ENGLISH else ()
    messages = [message for message in catalog if message.context == PACKAGE and message.string]
    return tuple(
        (_pattern(str(message.id)), str(message.string))
        for message in sorted(messages, key=lambda message: -len(message.id))
    )


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{\d\}", template)
    return re.compile("(.+?)".join(map(re.escape, parts)), re.DOTALL)
