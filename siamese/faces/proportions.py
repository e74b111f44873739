"""Whether a photo was stretched or squeezed, by the proportions of a face in it. Pure.

The detector sees a narrow face and says so: most by the aspect of its box, then by how much of it
lies above the eyes and below the mouth. A head that is turned looks narrow too; the nose gives it
away. All this tells the logarithm of the factor within a standard deviation of 0.14.
"""

import math

import numpy as np

# Least squares on 2,056 pictures of training people, squeezed by up to 2.1 in either direction and
# rotated by about 12 degrees, 44 % of them untouched.
OFFSET, ASPECT, ASIDE, ABOVE, BELOW = -0.82, 2.14, 3.56, 2.56, 1.65
STRETCHED = 1.4  # times too wide or too tall; what is less is not told from people's own faces
SURE = 1.45  # so much is righted
MOST_ASIDE = 0.15  # of the box, from the middle to the nose: a head turned by some 35 degrees
MOST_TILT = math.tan(math.radians(20))  # of the line of the eyes


def stretch(box: np.ndarray, landmarks: np.ndarray) -> float:
    """How many times too wide for its height an upright face is, where that is worth a warning.

    As `proportions`, but 1 where that is less than `STRETCHED`.
    """
    found = proportions(box, landmarks)
    return found if _beyond(found, STRETCHED) else 1.0


def proportions(box: np.ndarray, landmarks: np.ndarray) -> float:
    """How many times too wide for its height an upright face is; less than 1 where too tall.

    `box` (4,) and `landmarks` (5, 2) are the detector's, in px, of a face that no edge cuts off.
    1 where they do not tell.
    """
    width, height = np.maximum(box[2:] - box[:2], 1e-6)
    across = landmarks[1] - landmarks[0]
    aside = abs(landmarks[2, 0] - landmarks[[0, 1, 3, 4], 0].mean()) / width
    if aside > MOST_ASIDE or abs(across[1]) > MOST_TILT * across[0]:
        return 1.0
    above = (landmarks[:2, 1].mean() - box[1]) / height
    below = (box[3] - landmarks[3:, 1].mean()) / height
    told = ASPECT * math.log(width / height) + ASIDE * aside**2 + ABOVE * above + BELOW * below
    return math.exp(min(1.0, max(-1.0, OFFSET + told)))


def correction(stretched: float) -> float:
    """How many times too wide to take a photo to be that seems to be so much: 1 unless sure."""
    return stretched if _beyond(stretched, SURE) else 1.0


def _beyond(stretched: float, limit: float) -> bool:
    return max(stretched, 1 / stretched) >= limit
