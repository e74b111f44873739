"""A model card on the page: a stranger's text, from which nothing comes but text.

Rendered here and not by Gradio's Markdown, which shows pictures, styles, forms and frames of HTML
that stands in it. HTML is shown as it was typed; a link says where it leads; others are no links.
"""

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from siamese.checkpoint import read_card
from ui import words

_WEB = re.compile(r"https?://", re.IGNORECASE)
_TABLE_HEAD = re.compile(r"^\|.*\|$(?=\n\| ?-)", re.MULTILINE)
_PICTURE = re.compile(r"^!\[.*\]\(.*\)\s*$", re.MULTILINE)


def model_card(folder: Path | None) -> Markup | None:
    """The checkpoint's own card without its front matter, as HTML; None where there is none."""
    card = None if folder is None else read_card(folder)
    if card is None:
        return None
    if card.startswith("---"):
        card = card.partition("\n---")[2].lstrip("-\n")
    return rendered(_TABLE_HEAD.sub(_headed, _PICTURE.sub("", card)))


def _headed(row: re.Match[str]) -> str:
    """The head of a table with words for columns that have none, as assistive technology wants."""
    head = re.sub(r"^\|\s*\|", f"| {words.MEASURED_ON} |", row.group())
    return re.sub(r"\|\s*\|", f"| {words.RESULT} |", head)


def rendered(text: str) -> Markup:
    """Markdown (CommonMark and tables) as HTML that loads nothing and covers nothing."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.children:
            token.children = _harmless(token.children)
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Markup('<div class="prose" lang="en">{}</div>').format(Markup(html))


def _harmless(tokens: list[Token]) -> list[Token]:
    """The same text; its links lead to the web and show their addresses, or are none."""
    kept: list[Token] = []
    address = ""
    for token in tokens:
        if token.type == "link_open":
            address = str(token.attrGet("href") or "")
            token.attrs = {
                "href": address, "rel": "noopener noreferrer nofollow", "target": "_blank",
            }  # fmt: skip
        elif token.type == "link_close" and _WEB.match(address):
            if kept[-1].content != address:
                kept.append(Token("text", "", 0, content=f" ({address})"))
            kept.append(token)
            continue
        if token.type not in ("link_open", "link_close") or _WEB.match(address):
            kept.append(token)
    return kept
