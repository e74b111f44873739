"""A photo as a value: its name, its upright size, and pixels on demand.

It keeps the *encoded* bytes and decodes again whenever pixels are asked for: a JPEG at 1/8 of
its size costs a fraction of the whole, and no 300 MB picture stays alive between two steps.
"""

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

Source = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray
Box = tuple[float, float, float, float]


class Piece(NamedTuple):
    """What is wanted of an upright picture: `box` in its px, reduced by `scale` to `size` in px."""

    scale: float
    box: Box
    size: tuple[int, int]


# Gives parts of an upright picture, all from one decode.
Render = Callable[[Sequence[Piece]], list[Image.Image]]

# What Pillow and its plug-ins are known to raise on damaged files, beside OSError; warnings where
# the caller made errors of them.
DECODER_ERRORS = (
    OSError, ValueError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError,
    RuntimeError, AssertionError, MemoryError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError, Warning,
)  # fmt: skip


class Caption(NamedTuple):
    """What a photo is called: its name on its own, and within a sentence."""

    name: str  # the file's, or the role where there is no file; one line, at most 80 long
    label: str  # as `the second photo "b.jpg"`

    @classmethod
    def of(cls, role: str, name: str | None) -> "Caption":
        """From the photo's role and the name of its file, which is not trusted."""
        clean = " ".join("".join(c if c.isprintable() else " " for c in name or "").split())
        short = clean if len(clean) <= 80 else clean[:50] + "..." + clean[-27:]
        return cls(short, f'the {role} "{short}"') if short else cls(role, f"the {role}")

    @property
    def start(self) -> str:
        """The label where it begins a sentence."""
        return self.label[0].upper() + self.label[1:]


class Photo:
    """One photo: its name, its upright size, and pixels on demand. Safe to share among threads.

    Attributes:
        caption: what to call the photo, on its own and in messages.
        size: (width, height) in pixels of the upright original, that is after EXIF orientation.
        num_bytes: of memory that it holds.
    """

    __slots__ = ("_render", "caption", "num_bytes", "size")

    def __init__(
        self, caption: Caption, size: tuple[int, int], num_bytes: int, render: Render
    ) -> None:
        """Use `load`, which checks what this takes for granted; `render` gives the pixels."""
        self.caption = caption
        self.size = size
        self.num_bytes = num_bytes
        self._render = render

    def __repr__(self) -> str:
        return f"Photo({self.caption.name}, {self.size[0]}x{self.size[1]})"

    def at(self, scale: float, box: Box | None = None) -> Image.Image:
        """The upright RGB picture, reduced without aliasing; decodes no more than it needs.

        Args:
            scale: in (0, 1], times the original size.
            box: only this part, (x0, y0, x1, y1) in px of the upright original; all by default.

        Returns:
            A PIL picture in mode RGB of max(1, round(size * scale)) pixels.

        Raises:
            ImageError: the file turns out to be damaged or truncated.
        """
        width, height = map(float, self.size)
        (picture,) = self.parts([(scale, box or (0.0, 0.0, width, height))])
        return picture

    def parts(self, wanted: Sequence[tuple[float, Box]]) -> list[Image.Image]:
        """Several parts, each by its scale and box, from one decode. Raises as `at` does."""
        parts = []
        for scale, box in wanted:
            if not 0 < scale <= 1:
                raise ValueError(f"scale must be in (0, 1], not {scale}")
            x0, y0, x1, y1 = box
            size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
            parts.append(Piece(scale, box, size))
        return self._render(parts) if parts else []
