"""Siamese face verification: photos in, a calibrated probability out.

from siamese import Verifier
answer = Verifier.from_pretrained().verify("a.jpg", "b.jpg")
print(answer.probability, answer.decision)
"""

from siamese.calibration import Decision
from siamese.errors import ImageError, InputError, NoFaceError, SiameseError
from siamese.faces import Face
from siamese.gallery import Gallery
from siamese.network import SiameseNetwork
from siamese.results import Explanation, Pick, Verification
from siamese.verifier import Verifier

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
