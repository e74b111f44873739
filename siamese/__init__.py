"""Siamese face verification: photos in, a calibrated probability out.

from siamese import Verifier
answer = Verifier.from_pretrained().verify("a.jpg", "b.jpg")
print(answer.probability, answer.decision)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siamese.answers import Explanation, Pick, Verification
    from siamese.calibration import Decision
    from siamese.errors import ImageError, InputError, NoFaceError, SiameseError
    from siamese.faces.detector import Face
    from siamese.pretrained import SiameseNetwork
    from siamese.support import Gallery
    from siamese.verifier import Verifier

__version__ = "0.1.0"

__all__ = [
    "Decision",
    "Explanation",
    "Face",
    "Gallery",
    "ImageError",
    "InputError",
    "NoFaceError",
    "Pick",
    "SiameseError",
    "SiameseNetwork",
    "Verification",
    "Verifier",
]

# Imported when they are asked for: the command line starts before the libraries do, and can say
# in a sentence what is wrong with one.
_HOMES = {
    "answers": ("Explanation", "Pick", "Verification"),
    "calibration": ("Decision",),
    "errors": ("ImageError", "InputError", "NoFaceError", "SiameseError"),
    "faces.detector": ("Face",),
    "pretrained": ("SiameseNetwork",),
    "support": ("Gallery",),
    "verifier": ("Verifier",),
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"siamese.{home}"), name)
        raise AttributeError(f"module 'siamese' has no attribute '{name}'")

    def __dir__() -> list[str]:
        return [*__all__, "__version__"]
