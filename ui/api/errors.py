"""What Gradio itself objects to in a request, said as this product says it: one sentence, one code.

Left alone it answers such requests with a bare "Internal Server Error", and writes the values that
came, photos in data URLs included, into the log.
"""

import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi.exceptions import RequestValidationError
from gradio.state_holder import SessionState
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from siamese.errors import InputError, SiameseError
from ui import words
from ui.api import english
from ui.languages import ENGLISH, speaking
from ui.photo import refusal
from ui.server import forgetting, guard
from ui.server.client import client_of
from ui.server.limits import MAX_REMEMBERED
from ui.server.shares import SHARES
from ui.server.speaking import Multilingual, language_of

_BY_NAME = "/call/v2/"  # the address that takes parameters by their names


class Page(Multilingual):
    """Blocks whose errors are one sentence, and are logged without repeating what came."""

    async def process_api(self, block_fn: Any, *args: Any, **options: Any) -> dict[str, Any]:
        """Run one event in its language; of a call of the API nothing stays but its answer.

        An event whose visit was cleared meanwhile changes nothing on the page. One that waited for
        its turn then takes its photos too, so that they leave the disk, but keeps them nowhere.
        """
        asked: Any = getattr(options.get("request"), "request", None)
        private = asked is not None and block_fn.api_visibility != "public"
        with speaking(language_of(asked.scope) if private else ENGLISH):
            return await self._process(block_fn, asked, *args, **options)

    async def _process(
        self, block_fn: Any, asked: Any, *args: Any, **options: Any
    ) -> dict[str, Any]:
        event, start = options.get("event_id"), time.monotonic()
        if forgetting.given_up(event):
            options["state"] = SessionState(self)
        try:
            output = await super().process_api(block_fn, *args, **options)
            if forgetting.given_up(event):
                output["data"] = [gr.skip() for _ in block_fn.outputs]
            return output
        except gr.Error as error:
            if error.print_exception:
                guard.report(error.__cause__ or error)
            # Gradio's page would show the message as HTML.
            error.print_exception, error.visible = False, False
            raise
        except Exception as error:
            guard.report(error)
            raise refusal(SiameseError(words.INTERNAL)) from error
        finally:
            if asked is not None:
                SHARES.worked(client_of(asked.scope), time.monotonic() - start)
            if block_fn.api_visibility == "public":
                forgetting.drop(self.app, options.get("session_hash"))
            else:
                forgetting.limit(self.app, MAX_REMEMBERED)

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Raise the refusal of a call that brings too few values."""
        wanted = len(block_fn.inputs)
        if len(inputs) < wanted:
            sentence = english.TOO_FEW_VALUES.format(wanted=wanted, given=len(inputs))
            raise refusal(InputError(sentence))


def handlers() -> dict[type[Exception], Callable[[Request, Any], Response]]:
    """For the server: what to answer where Gradio's own routes raise an error of these kinds."""
    return {
        RequestValidationError: lambda *_: guard.refuse(400, words.MALFORMED),
        HTTPException: _objected,
        TypeError: _misnamed,
        KeyError: _misnamed,
    }


def _objected(request: Request, error: HTTPException) -> Response:
    code = "bad_input" if error.status_code < 500 else "error"
    return guard.refuse(error.status_code, str(error.detail), code)


def _misnamed(request: Request, error: TypeError | KeyError) -> Response:
    """An unknown parameter or endpoint; any other error of the kind is a bug."""
    if _BY_NAME not in request.url.path:
        raise error
    if isinstance(error, KeyError):
        return guard.refuse(404, words.NOT_FOUND)
    return guard.refuse(400, first_sentence(error))


def first_sentence(error: Exception) -> str:
    """What Gradio says of a call's parameters, without its advice on a button of the page."""
    return str(error).split(". ")[0].rstrip(".") + "."
