"""The errors this package raises on purpose.

    SiameseError
    ├── ImageError        a picture that cannot be read
    ├── NoFaceError       a picture without a face
    ├── InputError        a wrong parameter, an empty support set, ...
    └── CheckpointError   a checkpoint that is missing or cannot be trusted

Every message is one clear sentence for the person who gave the input: which input, what is wrong
with it, what to do. `code` is the stable name of the kind, for programs.
"""

from typing import ClassVar, Literal

ErrorCode = Literal["unreadable_image", "no_face", "bad_input", "bad_checkpoint", "error"]


class SiameseError(Exception):
    """Base of all errors raised on purpose; its text is shown to people as it stands."""

    code: ClassVar[ErrorCode] = "error"


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
    """A checkpoint is missing, damaged, unsafe or foreign."""

    code = "bad_checkpoint"
