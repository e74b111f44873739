"""Every sentence in every language; numbers, plurals and the package's sentences by its rules."""

import json
import re
import urllib.request
from dataclasses import fields

import pytest

from siamese.faces.quality import MESSAGES
from siamese.photos import Caption, decode
from tests import app_server
from tests.visitor import post
from ui import sentences, words
from ui.html import cards, numbers
from ui.languages import (
    FOLDER,
    LANGUAGES,
    PACKAGE,
    Plural,
    best,
    current,
    listed,
    read,
    said,
    speaking,
)
from ui.visit import Problem, Shown

OTHERS = sorted(set(LANGUAGES) - {"en"})
WHAT_TO_DO = "run `python -m ui.sentences`, then translate what is empty in ui/languages/"


def holes(text: str) -> list[str]:
    return sorted(re.findall(r"\{[^}]*\}", text))


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalog_has_every_sentence_and_no_other(code: str) -> None:
    wanted = {(message.context, message.id) for message in sentences.template() if message.id}
    found = {(message.context, message.id): message for message in read(code) if message.id}
    assert wanted - set(found) == set(), f"missing in {code}.po: {WHAT_TO_DO}"
    assert set(found) - wanted == set(), f"unused in {code}.po: {WHAT_TO_DO}"
    for message in found.values():
        ids, strings = (
            (value,) if isinstance(value, str) else tuple(value)
            for value in (message.id, message.string)
        )
        assert all(strings), f"not translated in {code}.po: {ids[0]!r}; {WHAT_TO_DO}{code}.po"
        forms = read(code).num_plurals if len(ids) > 1 else 1
        assert len(strings) == forms, f"{forms} forms are wanted in {code}.po of {ids}"
        assert holes(strings[-1]) == holes(ids[-1]), f"other {{values}} in {code}.po: {ids[0]!r}"


def test_there_is_a_catalog_for_each_language_and_no_other() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.po")) == OTHERS


def test_no_two_sentences_with_numbers_begin_with_the_same_form() -> None:
    """A catalog finds them by it."""
    ones = [word.one for word in vars(words).values() if isinstance(word, Plural)]
    assert len(set(ones)) == len(ones) > 5


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("de-CH, fr;q=0.9, en;q=0.8", "de"),
        ("pt-BR, es;q=0.5, en;q=0.4", "es"),
        ("en;q=0.3, hi;q=0.9", "hi"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("ja", "en"),
        ("", "en"),
        ("fr;q=x, *", "en"),
    ],
)
def test_the_browser_chooses(accepted: str, code: str) -> None:
    assert best(accepted) == code


def test_words_are_those_of_the_language_that_is_spoken() -> None:
    with speaking("de"):
        assert words.VERDICTS["same"] == "Dieselbe Person" and words.RATES_HEAD[0] == "Einstellung"
        assert words.OF_PEOPLE.verdicts["uncertain"] == "Unklar"
        assert all(
            getattr(words.OF_CHARACTERS, field.name) != "" for field in fields(words.PickWords)
        )
    assert current() == "en" and words.VERDICTS["same"] == "Same person"


@pytest.mark.parametrize(
    ("code", "one", "three"),
    [
        ("en", "1 photo", "3 photos"),
        ("de", "1 Foto", "3 Fotos"),
        ("fr", "1 photo", "3 photos"),
        ("zh-Hans", "1 张照片", "3 张照片"),
    ],
)
def test_plurals_follow_the_rule_of_the_language(code: str, one: str, three: str) -> None:
    with speaking(code):
        assert [words.PHOTOS_COUNT.say(count=count) for count in (1, 3)] == [one, three]
        assert code != "fr" or words.UNUSED.say(count=0, total=3).startswith("0 des 3 photos de")


def test_numbers_are_written_as_the_language_writes_them() -> None:
    shown = {}
    for code in LANGUAGES:
        with speaking(code):
            parts = numbers.percent(0.9964), numbers.count(12345), numbers.percent(0)
            shown[code] = [" ".join(part.split()) for part in parts]
    assert shown["en"] == ["99.6 %", "12,345", "under 0.1 %"]
    assert shown["de"] == ["99,6 %", "12.345", "unter 0,1 %"]
    assert shown["fr"] == ["99,6 %", "12 345", "moins de 0,1 %"]
    assert shown["es"] == ["99,6 %", "12.345", "menos del 0,1 %"]
    assert shown["hi"] == ["99.6%", "12,345", "0.1% से कम"]
    assert shown["zh-Hans"] == ["99.6%", "12,345", "不到 0.1%"]
    with speaking("hi"):
        assert numbers.count(1234567) == "12,34,567"
        assert listed(["a", "b"]) == "a और b"


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_the_package_is_known_by_its_template(code: str) -> None:
    """With values in it, one of them a name that looks like a number."""
    values = ("1.5", "77", "Z")
    for message in read(code):
        if message.context == PACKAGE:
            english, wanted = str(message.id).format(*values), str(message.string).format(*values)
            with speaking(code):
                assert said(english) == wanted, message.id
            assert said(english) == english


@pytest.mark.parametrize("code", OTHERS)
def test_what_the_package_objects_to_is_said_in_the_language(code: str) -> None:
    caption = Caption.of("photo", "{0} 1.5 & co.jpg")
    shown = []
    for content in (b"", b"%PDF-1.7", b"\xff\xd8\xff nothing"):
        with pytest.raises(Exception, match="please") as error:
            decode.decode(content, caption)
        problem = Shown("a", problem=Problem.of(error.value))
        with speaking(code):
            shown.append(cards.photo(problem, "role"))
    assert all("{0} 1.5 &amp; co.jpg" in page for page in shown)
    assert not re.search("please|picture|file;|The photo", " ".join(shown))


def test_what_is_no_sentence_of_ours_stays_as_it_is() -> None:
    with speaking("de"):
        for text in ("person A 1.webp", "1.234", "Dieselbe Person", "", "50 % {0}"):
            assert said(text) == text
        assert said(MESSAGES["turned"].format(turned=90)).startswith("Das Foto wurde um 90 Grad")


def served(server: app_server.Server, query: str = "", **headers: str) -> str:
    """The titles of the page's tabs, as they are served."""
    request = urllib.request.Request(f"{server.url}config{query}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        config = json.load(answer)
    return "|".join(c["props"]["label"] for c in config["components"] if c["type"] == "tabitem")


def test_the_address_says_the_language_or_the_cookie_or_the_browser(
    server: app_server.Server,
) -> None:
    german = {"Accept-Language": "de"}
    assert served(server).startswith("Two photos")
    assert served(server, **german).startswith("Zwei Fotos")
    assert served(server, Cookie="lang=es", **german).startswith("Dos fotos")
    assert served(server, "?lang=fr", Cookie="lang=es", **german).startswith("Deux photos")
    assert served(server, "?lang=xx", Cookie='lang="', **german).startswith("Zwei Fotos")


def test_the_api_speaks_english_to_everybody(server: app_server.Server) -> None:
    german = {"Accept-Language": "de"}
    _, refused = post(server, "gradio_api/call/verify", None, b"{", **german)
    assert json.loads(refused)["detail"] == words.MALFORMED
    request = urllib.request.Request(f"{server.url}gradio_api/openapi.json", headers=german)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["info"]["title"] == words.TITLE
