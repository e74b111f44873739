"""Every sentence that the page can show, for the catalogs in `languages`.

After a sentence was added or changed, `python -m ui.sentences` puts it into all catalogs and takes
out what is said no more; what is then left empty there has to be translated.
"""

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from siamese.answers import SAME_PHOTO
from siamese.calibration import ANYBODY, REASONS
from siamese.data.populations import SPOILED, WHO
from siamese.evaluation.protocols.omniglot import MEASURED_ON
from siamese.faces.quality import MESSAGES
from siamese.photos import Caption
from ui import words
from ui.languages import ENGLISH, FOLDER, LANGUAGES, PACKAGE, Plural, read

_PACKAGE = Path(__file__).parents[1] / "siamese"
# Where the package words what a visitor can see: functions by file. Others speak to those who call
# it from Python or on the command line.
_WORDED_IN = {
    "numbers.py": ("percent", "rate", "exact", "factor"),
    "photos/decode.py": ("decode", "_stored", "_photo", "_looks_like", "_check_size"),
    "photos/decoder_process.py": ("_at_work",),
    "verifier.py": ("_sighting",),
}
_OURS = ("ImageError", "NoFaceError")
# What checkpoints call the data that they were measured on.
_DATA = (
    MEASURED_ON,
    *(f"{who} ({{}}); same people: {{}}" for name, who in WHO.items() if name != ANYBODY),
    *(f"{who}, {SPOILED}, the half that reports" for who in WHO.values()),
    f"LFW View 2, {SPOILED}",
)


def template() -> Catalog:
    """All sentences, untranslated; those of the page with the names that they have in `words`."""
    catalog = Catalog(fuzzy=False)
    for name in vars(words):
        if name.isupper() and not name.startswith("_"):
            for sentence in _sentences(getattr(words, name)):
                catalog.add(sentence, auto_comments=[name])
    for sentence in dict.fromkeys(_of_package()):
        catalog.add(sentence, context=PACKAGE)
    return catalog


def update() -> None:
    """Bring the catalogs up to the sentences; translations of what is unchanged stay."""
    found = template()
    for code in set(LANGUAGES) - {ENGLISH}:
        path = FOLDER / f"{code}.po"
        path.touch()
        catalog = read(code)
        catalog.update(found, no_fuzzy_matching=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, omit_header=True, ignore_obsolete=True)


def _sentences(word: Any) -> Iterator[str | tuple[str, str]]:
    """What there is to translate in a value of `words`: a sentence, or its forms by number."""
    match word:
        case Plural():
            yield word.one, word.others
        case str() if re.search(r"[^\W\d_]", re.sub(r"\{.*?\}", "", word)):
            yield word
        case tuple():
            for part in word:
                yield from _sentences(part)
        case Mapping():
            yield from _sentences(tuple(word.values()))
        case words.PickWords():
            yield from _sentences(tuple(getattr(word, field.name) for field in fields(word)))


def _of_package() -> Iterator[str]:
    """The templates of sentences of the package, with numbers in braces for what is put in."""
    yield from map(_numbered, (*_DATA, SAME_PHOTO.message))
    yield from map(_numbered, (*REASONS.values(), *MESSAGES.values()))
    for file, functions in _WORDED_IN.items():
        tree = ast.parse((_PACKAGE / file).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in functions:
                yield from _strings(node)


def _strings(function: ast.FunctionDef) -> Iterator[str]:
    """The templates in a function, but for its docstring and for errors of others."""
    todo: list[ast.AST] = [*function.body[isinstance(function.body[0], ast.Expr) :]]
    while todo:
        match todo.pop(0):
            case ast.JoinedStr() as joined:
                sentence = _numbered(ast.unparse(joined)[2:-1])
            case ast.Constant(value=str(sentence)):
                pass
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name not in _OURS:
                continue
            case node:
                todo = [*ast.iter_child_nodes(node), *todo]
                continue
        if " " in sentence:
            yield sentence


def _numbered(template: str) -> str:
    """With {0}, {1} and so on in place of whatever stands in braces; a photo by its name."""
    numbers, photo = itertools.count(), Caption.of("photo", "{}")
    template = re.sub(r"\{[\w.]*caption\.start\}", photo.start, template)
    template = re.sub(r"\{[\w.]*caption\.label\}", photo.label, template)
    return re.sub(r"\{[^{}]*\}", lambda _: f"{{{next(numbers)}}}", template)


if __name__ == "__main__":
    update()
