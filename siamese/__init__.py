"""Siamese face verification: photos in, a calibrated probability out.

from siamese import Verifier
answer = Verifier.from_pretrained().verify("a.jpg", "b.jpg")
print(answer.probability, answer.decision)
"""

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
