"""In which language a request is answered, and the page as it is in each.

Gradio translates labels in the browser, but none of the HTML that is ours, and a visitor cannot
choose. So the page is built once in each language; all of them have the same parts in the same
order, and a visitor gets the texts of theirs. What happens afterwards is worded as it happens.
"""

from collections.abc import Mapping, Sequence, Set
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

import gradio as gr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ui import languages

ASKED_AS = "lang"  # in the address, and in the cookie that remembers it
_API = ("/gradio_api/call/", "/gradio_api/mcp", "/gradio_api/info", "/gradio_api/openapi.json")


class Speaking:
    """ASGI middleware: a request is answered in its language."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        with languages.speaking(language_of(scope)):
            await self._app(scope, receive, send)


def language_of(scope: Scope) -> str:
    """What the address says, else the cookie, else the browser; of the API always English."""
    if scope["type"] != "http" or any(part in str(scope["path"]) for part in _API):
        return languages.ENGLISH
    headers = Headers(scope=scope)
    asked = parse_qs(scope["query_string"].decode("latin-1")).get(ASKED_AS, [""])[-1]
    for code in (asked, _remembered(headers.get("cookie", ""))):
        if code in languages.LANGUAGES:
            return code
    return languages.best(headers.get("accept-language", ""))


def _remembered(cookies: str) -> str:
    try:
        found = SimpleCookie(cookies).get(ASKED_AS)
    except CookieError:
        return ""
    return found.value if found else ""


class Multilingual(gr.Blocks):
    """Blocks that are served in the language of the request."""

    # The same Blocks, built in the other languages.
    translations: Mapping[str, gr.Blocks] = MappingProxyType({})

    @property
    def config(self) -> Any:
        """What Gradio serves: this page, with the texts of the language that is spoken."""
        other = self.translations.get(languages.current())
        if other is None:
            return self._config
        pairs = zip(self._config["components"], other.config["components"], strict=True)
        components = [{**ours, "props": theirs["props"]} for ours, theirs in pairs]
        return {**self._config, "title": other.config["title"], "components": components}

    @config.setter
    def config(self, config: Any) -> None:
        self._config = config

    def texts(self, but: Sequence[gr.blocks.Block]) -> dict[gr.blocks.Block, set[str]]:
        """The parts so far of which something is worded, and the properties that are.

        The values of those in `but` are not among these: they show what a visit has.
        """
        found = {}
        translated = (page.blocks.values() for page in self.translations.values())
        for block, *others in zip(self.blocks.values(), *translated, strict=False):
            own = block.get_config()
            names = {n for other in others for n, v in other.get_config().items() if v != own[n]}
            found[block] = names - ({"value"} if block in but else set())
        return {block: names for block, names in found.items() if names}

    def again(self, texts: Mapping[gr.blocks.Block, Set[str]]) -> list[dict[str, Any]]:
        """The updates that put these texts into the language that is spoken."""
        spoken = self.translations.get(languages.current(), self)
        places = list(self.blocks.values())
        blocks = list(spoken.blocks.values())
        props = {block: blocks[places.index(block)].get_config() for block in texts}
        return [gr.update(**{n: props[block][n] for n in texts[block]}) for block in texts]
