"""The product as an API: `/verify` and `/pick`, for `gradio_client`, plain HTTP and MCP.

A photo is a file (uploaded by the client) or a `data:` URL. Answers are the same JSON as those of
the package and the command line (see `siamese.answers`); errors are one sentence, with the stable
code as their title. What the parameters mean stands in `words`, for all who ask.
"""

import copy
import functools
import io
import time
from collections.abc import Callable
from typing import Annotated, Any, cast

import gradio as gr
from gradio.components.api_component import Api
from gradio.events import api as add_endpoint
from pydantic import StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from siamese import InputError, SiameseError, Verifier
from siamese.calibration import ANYBODY
from siamese.support import Support
from ui import words
from ui.api import english, openapi
from ui.photo import Upload, refusal
from ui.server.receiving import taken

PhotoData = gr.FileData | str  # an uploaded file, or a data URL
MAX_SUPPORT = 200  # photos
SECONDS = 120.0  # for one request, from its turn on


class _FileData(TypedDict, total=False):
    """What is read of Gradio's description of a file."""

    path: str | None
    url: str | None
    orig_name: str | None


_Photo = _FileData | str
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# What a value has to be, by the kinds that `english.WANTED` has words for.
_KINDS: dict[str, TypeAdapter[Any]] = {
    "photo": TypeAdapter(_Photo),
    "photos": TypeAdapter(list[_Photo]),
    "names": TypeAdapter(list[_Name] | None),
    "point": TypeAdapter(str),
    "population": TypeAdapter(str),
    "prior": TypeAdapter(float),
    "face": TypeAdapter(int | None),
    "flag": TypeAdapter(bool),
}
_KIND_OF = {
    "first": "photo", "second": "photo", "query": "photo", "support": "photos", "names": "names",
    "operating_point": "point", "prior": "prior", "none_prior": "prior", "first_face": "face",
    "second_face": "face", "query_face": "face", "more_faces": "flag", "population": "population",
    "group": "flag",
}  # fmt: skip

# For Gradio's snippets of code, which write out a file well, but not a list of them.
_EXAMPLES: dict[str, Any] = {
    "photo": {"path": "photo.jpg", "url": "photo.jpg", "meta": {"_type": "gradio.FileData"}},
    "photos": ["data:image/jpeg;base64,..."],
}


def add(page: gr.Blocks, verifier: Verifier, pool: str, pool_size: int) -> None:
    """Add both endpoints to a page, with their names, types and descriptions.

    Calls wait for one of the `pool_size` places in the queue `pool`.
    """
    for endpoint in endpoints(verifier):
        name = endpoint.__name__
        add_endpoint(
            endpoint,
            api_description=f"{english.ENDPOINTS[name]} {english.ANSWERS[name]}",
            concurrency_id=pool,
            concurrency_limit=pool_size,
        )
        added = page.fns[max(page.fns)]
        described = english.PARAMETERS[name].items()
        fields, (answer,) = cast(list[Api], added.inputs), cast(list[Api], added.outputs)
        for field, (parameter, said) in zip(fields, described, strict=True):
            field.label = parameter
            # What Gradio's own page shows below the name and the type, and in its examples.
            field._api_info["additional_description"] = said.format(photo=english.PHOTO_FOR_API)
            example = _EXAMPLES.get(_KIND_OF[parameter])
            if example is not None:
                field.example_payload = functools.partial(copy.deepcopy, example)  # type: ignore[method-assign]
        answer.label = english.ANSWER
        answer._api_info = openapi.outline(name)


def endpoints(verifier: Verifier) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions `verify` and `pick` that answer with this verifier."""
    default = verifier.rule.default.name

    def verify(
        first: PhotoData,
        second: PhotoData,
        operating_point: str = default,
        prior: float = 0.5,
        first_face: int | None = None,
        second_face: int | None = None,
        more_faces: bool = False,
        population: str = ANYBODY,
    ) -> dict[str, Any]:
        options: dict[str, Any] = {
            "operating_point": operating_point,
            "prior": prior,
            "first_face": first_face,
            "second_face": second_face,
            "more_faces": more_faces,
            "population": population,
        }
        return _answer(
            lambda files: verifier.verify(*files, **options).to_dict(),
            {"first": first, "second": second},
            options,
        )

    def pick(
        query: PhotoData,
        support: list[PhotoData],
        names: list[str] | None = None,
        operating_point: str = default,
        none_prior: float = 0.5,
        query_face: int | None = None,
        more_faces: bool = False,
        population: str = ANYBODY,
        group: bool = False,
    ) -> dict[str, Any]:
        options: dict[str, Any] = {
            "operating_point": operating_point,
            "none_prior": none_prior,
            "query_face": query_face,
            "more_faces": more_faces,
            "population": population,
            "group": group,
        }
        return _answer(
            lambda files: verifier.pick(files[0], _support(files[1:], names), **options).to_dict(),
            {"query": query, "support": support},
            {"names": names, **options},
        )

    return verify, pick


class _File(io.BytesIO):
    """A file in memory that has a name, so that messages can name the photo, and a last moment."""

    def __init__(self, upload: Upload, until: float) -> None:
        super().__init__(upload.content)
        self.name = upload.name
        self._until = until

    def read(self, size: int | None = -1) -> bytes:
        if time.monotonic() > self._until:
            raise InputError(words.TOO_LONG.format(seconds=int(SECONDS)))
        return super().read(size)


def _answer(
    work: Callable[[list[_File]], dict[str, Any]], photos: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    """What `work` makes of the photos, or its error as Gradio sends it."""
    try:
        return work(_taken(photos, _objection({**photos, **options})))
    except SiameseError as error:
        raise refusal(error) from error
    except Exception as error:  # the edge: a mistake of ours, which goes to the log as such
        raise gr.Error(words.INTERNAL, title=SiameseError.code, visible=False) from error


def _objection(given: dict[str, Any]) -> InputError | None:
    """What is wrong with the first value that is not of its parameter's kind, if there is one."""
    for parameter, value in given.items():
        kind = _KIND_OF[parameter]
        try:
            _KINDS[kind].validate_python(value, strict=True)
        except ValidationError:
            wanted = english.WANTED[kind]
            return InputError(english.WRONG.format(parameter=parameter, wanted=wanted))
    return None


def _taken(photos: dict[str, Any], first_error: SiameseError | None) -> list[_File]:
    """All photos of a request; all are taken off the disk before any error is raised."""
    files: list[_File] = []
    until = time.monotonic() + SECONDS
    for value in photos.values():
        for payload in value if isinstance(value, list) else [value]:
            if isinstance(payload, (dict, str)):
                try:
                    files.append(_File(taken(payload), until))
                except SiameseError as error:
                    first_error = first_error or error
    if first_error is not None:
        raise first_error
    return files


def _support(files: list[_File], names: list[str] | None) -> Support:
    """The support set by person; without names the photos, which the package names."""
    if len(files) > MAX_SUPPORT:
        raise InputError(english.TOO_MANY_SUPPORT.format(limit=MAX_SUPPORT, photos=len(files)))
    if names is None:
        return files
    if len(names) != len(files):
        raise InputError(english.NO_NAMES.format(photos=len(files), names=len(names)))
    people: dict[str, list[Any]] = {}
    for name, file in zip(names, files, strict=True):
        people.setdefault(name.strip(), []).append(file)
    return people
