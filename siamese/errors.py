"""The errors this package raises on purpose.

    SiameseError
    ├── ImageError        a picture that cannot be read
    ├── NoFaceError       a picture without a face
    ├── InputError        a wrong parameter, an empty support set, ...
    └── CheckpointError   a checkpoint that cannot be trusted or had

Every message is one clear sentence for the person who gave the input: which input, what is wrong
with it, what to do. `code` is the stable name of the kind, for programs.
"""

from typing import ClassVar, Literal, TypeVar

from typing_extensions import TypedDict  # typing's own cannot be read by pydantic before 3.12

T = TypeVar("T", bound=type)


def documented(kind: T) -> T:
    """Let pydantic, where a program uses it, take the descriptions from the docstrings."""
    kind.__pydantic_config__ = {"use_attribute_docstrings": True}  # type: ignore[attr-defined]
    return kind


ErrorCode = Literal["unreadable_image", "no_face", "bad_input", "bad_checkpoint", "error"]


@documented
class ErrorDict(TypedDict):
    """Why there is no answer."""

    code: ErrorCode
    message: str
    """One sentence for the person who asked."""


class SiameseError(Exception):
    """Base of all errors raised on purpose; its text is shown to people as it stands."""

    code: ClassVar[ErrorCode] = "error"

    def to_dict(self) -> ErrorDict:
        """The error as data: `code` and `message`."""
        return {"code": self.code, "message": str(self)}


class ImageError(SiameseError):
    """A picture could not be read; the message names it."""

    code = "unreadable_image"


class NoFaceError(SiameseError):
    """No face was found in a picture; the message names it."""

    code = "no_face"


class InputError(SiameseError):
    """A parameter or the set of inputs as a whole makes no sense."""

    code = "bad_input"


class CheckpointError(SiameseError):
    """A checkpoint is missing, damaged, unsafe or not one of ours."""

    code = "bad_checkpoint"
