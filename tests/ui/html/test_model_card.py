"""A stranger's model card: its text and nothing else."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from siamese.checkpoint import DRAWINGS
from ui.html.model_card import model_card, rendered

HARMLESS = set(
    [
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "a",
        "code",
        "pre",
        "em",
        "strong",
        "ul",
        "ol",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
        "hr",
        "br",
    ]
)
LOOKS = {"align", "style"}  # of a column of a table


class Seen(HTMLParser):
    """The tags of some HTML with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "text",
    [
        "![a](https://evil.example/a.png)", "![a][b]\n\n[b]: https://evil.example/a.png",
        "[![a](https://evil.example/a.png)](https://evil.example)",
        "<img src=https://evil.example/a.png>", "<style>body { display: none }</style>",
        "<div style='position: fixed; inset: 0'>Log in</div>", "<form action=/><input></form>",
        "<iframe src=https://evil.example></iframe>", "<video src=x autoplay></video>",
        "<script>alert(1)</script>", "<svg onload=alert(1)>", "<a href='javascript:alert(1)'>a</a>",
        "[a](javascript:alert(1))", "[a](data:text/html,x)", "[a](/gradio_api/info)", "[a](#top)",
        "[a](//evil.example)", "[a](vbscript:x)", "[a](file:///etc/passwd)", "<mailto:a@b.example>",
        "| a |\n| - |\n| <img src=x onerror=alert(1)> |", "`<script>`", "<base href=x>",
        "[a]( https://evil.example 'x\" onclick=\"alert(1)')", "a <b onclick=alert(1)>b</b>",
        "<details><summary>a</summary></details>", "<link rel=stylesheet href=x>", "&lt;script&gt;",
    ],
)  # fmt: skip
def test_nothing_comes_from_it_but_text(text: str) -> None:
    seen = Seen(rendered(text))
    assert {tag for tag, _ in seen.tags} <= HARMLESS
    for tag, attributes in seen.tags[1:]:
        if tag == "a":
            assert set(attributes) == {"href", "rel", "target"}
            assert str(attributes["href"]).startswith("https://")
        else:
            assert set(attributes) <= LOOKS


def test_links_say_where_they_lead() -> None:
    seen = Seen(rendered("[your bank](https://evil.example/a) and <https://other.example>"))
    links = [attributes for tag, attributes in seen.tags if tag == "a"]
    assert [link["href"] for link in links] == ["https://evil.example/a", "https://other.example"]
    assert {link["rel"] for link in links} == {"noopener noreferrer nofollow"}
    assert "your bank (https://evil.example/a) and https://other.example" in seen.text


def test_a_card_is_shown_without_its_front_matter_and_pictures(tmp_path: Path) -> None:
    content = "---\na: b\n---\n# Card\n\n![roc](plots/roc.png)\n\nText, *more*.\n"
    (tmp_path / "README.md").write_text(content)
    card = model_card(tmp_path)
    assert card is not None and Seen(card).text.split() == ["Card", "Text,", "more."]
    assert "<h1>Card</h1>" in card
    assert model_card(tmp_path / "nowhere") is None and model_card(None) is None


def test_every_column_of_a_table_is_headed(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("|  | x |  |\n| - | - | - |\n| a |  | b |\n")
    card = model_card(tmp_path)
    assert card is not None and Seen(card).text.split("\n")[3:6] == ["measured on", "x", "result"]


def test_the_embedded_cards_lose_nothing() -> None:
    for folder in (Path(DRAWINGS), Path(DRAWINGS).parent):
        card = model_card(folder)
        assert card is not None and "<table>" in card
        assert "&lt;" not in card and "![" not in card
