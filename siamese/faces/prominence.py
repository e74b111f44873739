"""Which face comes first when a photo shows several: the most prominent one.

That is the widest, where a face in a corner counts half of one in the centre. The plain largest is
often somebody passing close by at the edge; the best score says only how sure it is that there is a
face.
"""

import math

from siamese.photos import Box


def prominence(box: Box, size: tuple[int, int]) -> float:
    """How much a face stands out: its width and height in px, less towards the picture's corners.

    The geometric mean of the sides, times 1 in the centre of the photo (width, height) down to 1/2
    in its corners.
    """
    side = math.sqrt(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))
    half = math.hypot(size[0], size[1]) / 2
    offset = math.hypot((box[0] + box[2] - size[0]) / 2, (box[1] + box[3] - size[1]) / 2)
    return side * (1 - 0.5 * min(1.0, offset / half))
