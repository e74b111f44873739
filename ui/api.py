"""The product as an API: `/verify` and `/pick`, for `gradio_client`, plain HTTP and MCP.

A photo is a file (uploaded by the client) or a `data:` URL. Answers are the same JSON as those of
the package and the command line; errors are one sentence, with the stable code as their title.
"""

import io
from collections.abc import Callable
from typing import Any, Literal

import gradio as gr

from siamese import InputError, SiameseError, Verifier
from ui import text
from ui.photo import Upload, refusal, take
from ui.visit import person_of

PhotoData = gr.FileData | str  # an uploaded file, or a data URL
MAX_SUPPORT = 200  # photos


def endpoints(verifier: Verifier) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions `verify` and `pick` that answer with this verifier."""
    points = tuple(point.name for point in verifier.rule.operating_points)
    point_type = Literal[points]  # type: ignore[valid-type]

    def verify(
        first: PhotoData,
        second: PhotoData,
        operating_point: point_type = points[0],
        prior: float = 0.5,
        first_face: int | None = None,
        second_face: int | None = None,
        more_faces: bool = False,
    ) -> dict[str, Any]:
        """Say whether two photos show the same person, with a calibrated probability.

        Not for access control, surveillance or decisions about people. Photos are not kept.

        Args:
            first: A photo as a data URL (data:image/jpeg;base64,...) or an uploaded file. Web
                addresses are refused.
            second: The other photo, likewise.
            operating_point: How careful "same" is: the false match rate at which it is decided.
            prior: How probable "same person" was beforehand, between 0 and 1, both excluded.
            first_face: Which face of the first photo, counted from 0; the most prominent if null.
            second_face: Which face of the second photo, likewise.
            more_faces: Look for small faces beside large ones too (slower).

        Returns:
            The answer (schema version 1): decision ("same", "uncertain" or "different"),
            probability, operating point with measured error rates, faces found, warnings.
        """
        return _answer(
            lambda files: verifier.verify(
                files[0],
                files[1],
                operating_point=operating_point,
                prior=prior,
                first_face=first_face,
                second_face=second_face,
                more_faces=more_faces,
            ).to_dict(),
            [first, second],
        )

    def pick(
        query: PhotoData,
        support: list[PhotoData],
        names: list[str] | None = None,
        operating_point: point_type = points[0],
        none_prior: float = 0.5,
        query_face: int | None = None,
        more_faces: bool = False,
    ) -> dict[str, Any]:
        """Say which of several people a photo shows, or that it is none of them.

        Not for access control, surveillance or decisions about people. Photos are not kept.

        Args:
            query: A photo as a data URL (data:image/jpeg;base64,...) or an uploaded file. Web
                addresses are refused.
            support: The photos of the people to choose from, likewise; at most 200.
            names: A name for each support photo; photos of the same name count as one person. By
                default the file names.
            operating_point: At which false match rate each candidate's own decision is made.
            none_prior: How probable "none of these" was beforehand, between 0 and 1.
            query_face: Which face of the query, counted from 0; the most prominent if null.
            more_faces: Look for small faces in the query too (slower).

        Returns:
            The answer (schema version 1): identity (null for none of these), ranking with
            probabilities, none_probability, margin, photos that could not be used and why.
        """
        return _answer(
            lambda files: verifier.pick(
                files[0],
                _support(files[1:], names),
                operating_point=operating_point,
                none_prior=none_prior,
                query_face=query_face,
                more_faces=more_faces,
            ).to_dict(),
            [query, *support],
        )

    return verify, pick


class _File(io.BytesIO):
    """A file in memory that has a name, so that messages can name the photo."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload.content)
        self.name = upload.name


def _answer(work: Callable[[list[_File]], dict[str, Any]], payloads: list[Any]) -> dict[str, Any]:
    """What `work` makes of the photos, or its error as Gradio sends it."""
    try:
        return work(_taken(payloads))
    except SiameseError as error:
        raise refusal(error) from error


def _taken(payloads: list[Any]) -> list[_File]:
    """All photos of a request; all are taken off the disk before any error is raised."""
    files: list[_File] = []
    first_error: SiameseError | None = None
    for payload in payloads:
        try:
            files.append(_File(take(payload)))
        except SiameseError as error:
            first_error = first_error or error
    if first_error is not None:
        raise first_error
    return files


def _support(files: list[_File], names: list[str] | None) -> dict[str, list[Any]]:
    """The support set by person, in the order in which the people first appear."""
    if len(files) > MAX_SUPPORT:
        raise InputError(text.TOO_MANY_SUPPORT.format(limit=MAX_SUPPORT, photos=len(files)))
    if names is not None and len(names) != len(files):
        raise InputError(text.NO_NAMES.format(photos=len(files), names=len(names)))
    people: dict[str, list[Any]] = {}
    for number, file in enumerate(files):
        people.setdefault(names[number] if names else person_of(file.name), []).append(file)
    return people
