"""Random changes of training pictures, as a Space's visitors would make them.

`draw` makes all random decisions for a batch, `apply` carries them out; so a batch can be cut into
slices for several processes and each gets what one process alone would have given it. Decisions are
made on the CPU and carried out wherever the pictures are, without ever waiting for a GPU.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from siamese.data.pixels import _extend, _grid
from siamese.faces.alignment import TEMPLATE

MAX_YAW, MAX_PITCH = math.radians(65), math.radians(28)
# The head as an ellipsoid, px of the 112 px template: its axis, half its width and height, half its
# depth, and how far the nose stands out.
CENTRE, HALVES, DEPTH, NOSE = (56.0, 62.0), (46.0, 66.0), 55.0, 14.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How strong and how often; probabilities in 0..1. Zero everywhere changes nothing."""

    flip: float = 0.5
    rotation: float = 8.0  # degrees, standard deviation half of it, cut off at it
    scale: float = 0.10  # of the size
    shift: float = 0.06  # of the side
    shear: float = 0.0
    fill_border: float = 0.9  # a black border is filled
    cut_border: float = 0.15  # a border is cut into a picture that has none
    grey: float = 0.15
    colour: float = 0.8
    low_resolution: float = 0.3  # shrunk to 1/1.5 ... 1/5 and enlarged again
    jpeg: float = 0.2  # quality 15 ... 70
    erase: float = 0.3
    turned: float = 0.25  # the head turned by up to `MAX_YAW`, and often nodding
    blur: float = 0.12  # Gaussian, 0.8 ... 2.6 px of 112
    dark: float = 0.06  # a fifth to three fifths of the light
    sunglasses: float = 0.04

    def matrices(self, size: int, generator: torch.Generator) -> Tensor:
        """Random geometry: (size, 2, 3), output -> input, in units of half the window."""

        def normal(limit: float, *shape: int) -> Tensor:
            return _normal(limit, generator, size, *shape)

        angle = normal(self.rotation) * math.pi / 180
        zoom = torch.exp(normal(self.scale))
        mirror = torch.where(torch.rand(size, generator=generator) < self.flip, -1.0, 1.0)
        cosine, sine, lean = angle.cos() / zoom, angle.sin() / zoom, normal(self.shear)
        shift = normal(2 * self.shift, 2)
        return torch.stack(
            [
                torch.stack([cosine * mirror, -sine + lean, shift[:, 0]], 1),
                torch.stack([sine * mirror, cosine, shift[:, 1]], 1),
            ],
            1,
        )


@dataclass(frozen=True, slots=True)
class Drawings(Augmentation):
    """The affine distortions of Koch et al. 2015, section 3.2, and nothing else.

    A turn, a shear, a scale and a shift along each axis, each uniform in its range and each there
    with probability `each`. No mirroring, which makes another character; no colours, no JPEG.
    """

    flip: float = 0.0
    rotation: float = 10.0  # degrees
    scale: float = 0.2
    shift: float = 2 / 105  # of the side
    shear: float = 0.3
    fill_border: float = 0.0
    cut_border: float = 0.0
    grey: float = 0.0
    colour: float = 0.0
    low_resolution: float = 0.0
    jpeg: float = 0.0
    erase: float = 0.0
    turned: float = 0.0
    blur: float = 0.0
    dark: float = 0.0
    sunglasses: float = 0.0
    each: float = 0.5

    def matrices(self, size: int, generator: torch.Generator) -> Tensor:
        """As `Augmentation.matrices`."""

        def drawn(limit: float) -> Tensor:
            value = limit * (2 * torch.rand(size, generator=generator) - 1)
            return value * (torch.rand(size, generator=generator) < self.each)

        angle = drawn(self.rotation) * math.pi / 180
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).view(-1, 2, 2)
        one = torch.ones(size)
        lean = torch.stack([one, drawn(self.shear), drawn(self.shear), one], 1).view(-1, 2, 2)
        scale = torch.diag_embed(torch.stack([1 + drawn(self.scale), 1 + drawn(self.scale)], 1))
        shift = torch.stack([drawn(2 * self.shift), drawn(2 * self.shift)], 1)
        return torch.cat([turn @ lean @ scale, shift[:, :, None]], 2)


def _normal(limit: float, generator: torch.Generator, *shape: int) -> Tensor:
    """Normal with a standard deviation of half `limit`, cut off at it."""
    return (torch.randn(*shape, generator=generator) * limit / 2).clamp(-limit, limit)


@dataclass(frozen=True, slots=True)
class Draws:
    """The random decisions for B pictures; every tensor has B rows."""

    matrix: Tensor  # (B, 2, 3) output -> input, in units of half the window
    fill: Tensor  # (B,) 0 keep black, 1 colour, 2 noise, 3 smooth extension
    paint: Tensor  # (B, C, 8, 8) colours for fills and erasures, 0..1
    cut: Tensor  # (B, 4) fractions cut off at left, top, right, bottom
    grey: Tensor  # (B,) bool
    gain: Tensor  # (B, C) per-channel gain
    contrast: Tensor  # (B,)
    brightness: Tensor  # (B,)
    gamma: Tensor  # (B,)
    shrink: Tensor  # (B,) factor >= 1
    quality: Tensor  # (B,) JPEG quality, 0 for none
    box: Tensor  # (B, 4) erased x0, y0, x1, y1 as fractions; empty where x1 <= x0
    box_noise: Tensor  # (B,) bool: noise rather than one colour
    turn: Tensor  # (B, 2) yaw and pitch by which the head is turned, radians
    blur: Tensor  # (B,) standard deviation in px of a picture of 112, 0 for none
    glasses: Tensor  # (B,) opacity of dark glasses, 0 for none

    def rows(self, start: int, stop: int) -> "Draws":
        """The decisions for pictures start ... stop - 1."""
        return Draws(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    def to(self, device: torch.device) -> "Draws":
        """The decisions on that device."""
        return Draws(*(_to(getattr(self, field.name), device) for field in fields(self)))


def draw(size: int, channels: int, how: Augmentation, generator: torch.Generator) -> Draws:
    """Draw the decisions for `size` pictures of `channels` channels."""

    def uniform(*shape: int) -> Tensor:
        return torch.rand(size, *shape, generator=generator)

    def normal(limit: float, *shape: int) -> Tensor:
        return _normal(limit, generator, size, *shape)

    def chance(probability: float) -> Tensor:
        return uniform() < probability

    matrix = how.matrices(size, generator)
    kind = torch.randint(1, 4, (size,), generator=generator)
    fill = torch.where(chance(how.fill_border), kind, 0)
    cut = uniform(4).square() * 0.25 * chance(how.cut_border)[:, None]
    colour = chance(how.colour)
    mild = colour[:, None].float()
    shrink = torch.where(chance(how.low_resolution), 1.5 + 3.5 * uniform().square(), 1.0)
    quality = torch.where(chance(how.jpeg), 15 + 55 * uniform(), 0.0).int()
    corner, extent = uniform(2), 0.12 + 0.33 * uniform(2)
    extent = extent * chance(how.erase)[:, None]
    turned = chance(how.turned)
    yaw = turned * (2 * uniform() - 1) * MAX_YAW
    pitch = turned * chance(0.6) * (2 * uniform() - 1) * MAX_PITCH
    light = torch.where(chance(how.dark), 0.2 + 0.4 * uniform(), 1.0)
    return Draws(
        matrix=matrix,
        fill=fill,
        paint=uniform(channels, 8, 8),
        cut=cut,
        grey=chance(how.grey),
        gain=(1 + mild * normal(0.15, channels)) * light[:, None],
        contrast=torch.exp(colour * normal(0.5)),
        brightness=colour * normal(0.25),
        gamma=torch.exp(colour * normal(0.5)),
        shrink=shrink,
        quality=quality,
        box=torch.cat([corner - extent / 2, corner + extent / 2], 1),
        box_noise=chance(0.5),
        turn=torch.stack([yaw, pitch], 1),
        blur=torch.where(chance(how.blur), 0.8 + 1.8 * uniform(), 0.0),
        glasses=torch.where(chance(how.sunglasses), 0.8 + 0.2 * uniform(), 0.0),
    )


def apply(
    pixels: Tensor, draws: Draws, window: tuple[float, float, float, float], size: int
) -> Tensor:
    """Carry out the decisions, on the device of `pixels`; `draws` are on the CPU.

    `pixels` is uint8 (B, C + 1, H, W), the last plane telling where the picture is visible (as
    `pixels.read_pixels` gives); `window` is the x0, y0, x1, y1 of the canonical crop in it, px.
    Returns float32 (B, C, size, size), values 0..1.
    """
    planes = pixels.float() / 255
    pictures, visible = planes[:, :-1], planes[:, -1:]
    there = draws.to(pixels.device)
    visible = visible * _inside(there.cut, visible)
    pictures = _fill_borders(pictures * visible, visible, draws.fill, there.paint)
    pictures = _wear(pictures, draws.glasses, there.paint)
    grid = _turned(_grid(there.matrix, window, planes.shape[-2:], size), draws.turn)
    pictures = F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    pictures = _blur(_erase(_recolour(pictures, there), there), draws.blur)
    return _jpeg(_lower_resolution(pictures, draws.shrink), draws.quality)


def view(
    pixels: Tensor, draws: Draws, window: tuple[float, float, float, float], size: int
) -> Tensor:
    """The same views unspoiled: only moved and turned, black beyond the photo's edge.

    What a teacher is shown: it learned with black borders, and a fill is no feature of a face.
    Devices, shapes and ranges as in `apply`.
    """
    planes = pixels.float() / 255
    pictures, visible = planes[:, :-1], planes[:, -1:]
    matrix = _to(draws.matrix, pixels.device)
    grid = _turned(_grid(matrix, window, planes.shape[-2:], size), draws.turn)
    return F.grid_sample(pictures * visible, grid, padding_mode="zeros", align_corners=False)


def _to(values: Tensor, device: torch.device) -> Tensor:
    return values.to(device, non_blocking=True)


def _chosen(decided: Tensor, like: Tensor) -> Tensor:
    """Row numbers where a decision on the CPU is not 0, on the device of `like`."""
    return _to(decided.nonzero().flatten(), like.device)


def _turned(grid: Tensor, turn: Tensor) -> Tensor:
    """Sampling positions for heads that are turned by (yaw, pitch) and aligned again.

    The head is an ellipsoid on which the face is painted. Turned, its five landmarks move; the
    similarity that aligns them is what the product would find, so the positions asked for are
    taken back through it, then through the turn.
    """
    turns = turn.abs().sum(1) > 0
    rows = _chosen(turns, grid)
    if not len(rows):
        return grid
    angles = turn[turns]
    centre = torch.tensor(CENTRE)
    landmarks = torch.tensor(TEMPLATE) - centre
    moved = torch.stack(
        [_forward(landmarks[:, axis], HALVES[axis], angles[:, axis, None]) for axis in (0, 1)],
        -1,
    )  # (B, 5, 2)
    target, source = (torch.view_as_complex(p.contiguous()) for p in (landmarks, moved))
    middle = source.mean(1, keepdim=True)
    spread = (source - middle).abs().square().sum(1)
    scale = ((source - middle).conj() * (target - target.mean())).sum(1) / spread
    shift = target.mean() - scale * middle[:, 0]
    angles, scale, shift, centre = (_to(v, grid.device) for v in (angles, scale, shift, centre))
    stored = (grid[rows] + 1) * 64 - 8 - centre  # px of the template about the head's axis
    asked = torch.view_as_complex(stored.contiguous())
    asked = torch.view_as_real((asked - shift.view(-1, 1, 1)) / scale.view(-1, 1, 1))
    found = torch.stack(
        [_back(asked[..., axis], HALVES[axis], angles[:, axis]) for axis in (0, 1)], -1
    )
    return grid.index_copy(0, rows, (found + centre + 8) / 64 - 1)


def _forward(place: Tensor, half: float, angle: Tensor) -> Tensor:
    """Where points of the head's surface, the nose `NOSE` before it, are seen after a turn."""
    nose = torch.tensor([0.0, 0.0, NOSE, 0.0, 0.0])
    phi = torch.asin((place / half).clamp(-0.98, 0.98))
    return half * phi.sin() * angle.cos() + (DEPTH * phi.cos() + nose) * angle.sin()


def _back(place: Tensor, half: float, angle: Tensor) -> Tensor:
    """Where a point seen at `place` (B, S, S) after a turn was before it."""
    angle = angle.view(-1, 1, 1)
    outline = ((half * angle.cos()).square() + (DEPTH * angle.sin()).square()).sqrt()
    delta = torch.atan2(DEPTH * angle.sin(), half * angle.cos())
    share = place / outline
    inside = share.clamp(-0.9999, 0.9999)
    phi = (torch.asin(inside) - delta).clamp(-1.5, 1.5)
    return half * phi.sin() + (share - inside) * outline


def _wear(pictures: Tensor, opacity: Tensor, paint: Tensor) -> Tensor:
    """Dark glasses over the eyes of stored crops (B, C, 128, 128)."""
    rows = _chosen(opacity, pictures)
    if not len(rows):
        return pictures
    place = torch.arange(pictures.shape[-1]) + 0.5 - 8
    cover = torch.zeros(pictures.shape[-2:])
    for x, y in TEMPLATE[:2]:
        lens = ((place - x) / 14).abs().pow(4)[None] + ((place - y - 2) / 10).abs().pow(4)[:, None]
        cover = torch.maximum(cover, (lens < 1).float())
    bridge = ((place - y).abs() < 2)[:, None] & ((place - 56).abs() < 6)[None]
    cover = torch.maximum(cover, bridge.float()) * opacity[opacity > 0].view(-1, 1, 1, 1)
    cover = _to(cover, pictures.device)
    worn = pictures[rows] * (1 - cover) + cover * paint[rows, :, :1, :1] * 0.25
    return pictures.index_copy(0, rows, worn)


def _blur(pictures: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur; deviations are rounded to a few values so that they go in batches."""
    size, result = pictures.shape[-1], pictures
    steps = (sigma / 0.6).round().clamp(min=1).int() * (sigma > 0)
    offsets = torch.arange(-8.0, 9.0)
    for step in steps[steps > 0].unique().tolist():
        rows = _chosen(steps == step, pictures)
        kernel = torch.exp(-offsets.square() / (2 * (0.6 * step * size / 112) ** 2))
        kernel = _to((kernel / kernel.sum()).view(1, 1, 1, -1), pictures.device)
        planes = F.pad(pictures[rows], (8, 8, 8, 8), mode="replicate").flatten(0, 1)[:, None]
        planes = F.conv2d(F.conv2d(planes, kernel), kernel.transpose(2, 3))
        result = result.index_copy(0, rows, planes.view(len(rows), -1, size, size))
    return result


def _inside(cut: Tensor, like: Tensor) -> Tensor:
    """1 inside what is left after cutting fractions (left, top, right, bottom) off, else 0."""
    height, width = like.shape[-2:]
    x = (torch.arange(width, device=like.device) + 0.5) / width
    y = (torch.arange(height, device=like.device) + 0.5) / height
    left, top, right, bottom = cut.T[:, :, None]
    across = (x >= left) & (x <= 1 - right)
    down = (y >= top) & (y <= 1 - bottom)
    return (down[:, None, :, None] & across[:, None, None, :]).float()


def _fill_borders(pictures: Tensor, visible: Tensor, fill: Tensor, paint: Tensor) -> Tensor:
    def extension(rows: Tensor) -> Tensor:
        return _extend(pictures[rows], visible[rows])

    def colour(rows: Tensor) -> Tensor:
        return paint[rows, :, :1, :1]

    def noise(rows: Tensor) -> Tensor:
        return F.interpolate(paint[rows], pictures.shape[-2:], mode="bilinear")

    filled = pictures
    for kind, filling in ((1, colour), (2, noise), (3, extension)):
        rows = _chosen(fill == kind, pictures)
        if len(rows):
            mixed = pictures[rows] + (1 - visible[rows]) * filling(rows)
            filled = filled.index_copy(0, rows, mixed)
    return filled


def _recolour(pictures: Tensor, draws: Draws) -> Tensor:
    grey = pictures.mean(1, keepdim=True).expand_as(pictures)
    pictures = torch.where(
        draws.grey.view(-1, 1, 1, 1), grey, pictures * draws.gain[..., None, None]
    )
    pictures = pictures.clamp(1e-4, 1).pow(draws.gamma.view(-1, 1, 1, 1))
    middle = pictures.mean((1, 2, 3), keepdim=True)
    pictures = (pictures - middle) * draws.contrast.view(-1, 1, 1, 1) + middle
    return (pictures + draws.brightness.view(-1, 1, 1, 1)).clamp(0, 1)


def _erase(pictures: Tensor, draws: Draws) -> Tensor:
    size = pictures.shape[-1]
    position = (torch.arange(size, device=pictures.device) + 0.5) / size
    x0, y0, x1, y1 = draws.box.T[:, :, None]
    across = (position >= x0) & (position < x1)
    down = (position >= y0) & (position < y1)
    inside = down[:, None, :, None] & across[:, None, None, :]
    noise = F.interpolate(draws.paint, pictures.shape[-2:])
    colour = draws.paint[:, :, :1, :1]
    cover = torch.where(draws.box_noise.view(-1, 1, 1, 1), noise, colour)
    return torch.where(inside, cover, pictures)


def _lower_resolution(pictures: Tensor, shrink: Tensor) -> Tensor:
    """Shrink and enlarge again; factors are rounded to a few sizes so that they go in batches."""
    size = pictures.shape[-1]
    sides = (size / shrink / 8).round().int().clamp(min=1) * 8
    result = pictures
    for side in sides[shrink > 1].unique().tolist():
        rows = _chosen((sides == side) & (shrink > 1), pictures)
        small = F.interpolate(pictures[rows], (side, side), mode="bilinear", antialias=True)
        large = F.interpolate(small, (size, size), mode="bilinear", antialias=True)
        result = result.index_copy(0, rows, large)
    return result


# Of the JPEG standard, annex K (luminance and chrominance at quality 50), and of JFIF (R, G, B to
# brightness and two colours).
BRIGHTNESS_STEPS = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
COLOUR_STEPS = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
)  # fmt: skip
TO_JFIF = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def _jpeg(pictures: Tensor, quality: Tensor) -> Tensor:
    """What JPEG loses, colours at half the resolution; its coding of what is left loses nothing."""
    rows, device = _chosen(quality, pictures), pictures.device
    if not len(rows):
        return pictures
    chosen, (height, width) = quality[quality > 0].float(), pictures.shape[-2:]
    planes = F.pad(pictures[rows] * 255, (0, -width % 16, 0, -height % 16), mode="replicate")
    if pictures.shape[1] == 1:
        coded = _coded(planes - 128, BRIGHTNESS_STEPS, chosen) + 128
    else:
        jfif = torch.tensor(TO_JFIF)
        mixed = torch.einsum("ck,bkhw->bchw", _to(jfif, device), planes)
        bright = _coded(mixed[:, :1] - 128, BRIGHTNESS_STEPS, chosen) + 128
        colours = _coded(F.avg_pool2d(mixed[:, 1:], 2), COLOUR_STEPS, chosen)
        colours = F.interpolate(colours, scale_factor=2, mode="bilinear")
        mixed = torch.cat([bright, colours], 1)
        coded = torch.einsum("ck,bkhw->bchw", _to(torch.linalg.inv(jfif), device), mixed)
    coded = (coded[..., :height, :width] / 255).clamp(0, 1)
    return pictures.index_copy(0, rows, coded)


def _coded(planes: Tensor, steps: tuple[int, ...], quality: Tensor) -> Tensor:
    """Planes (B, C, 8 H, 8 W) about 0 through the rounding of their blocks' cosine transforms."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    table = ((torch.tensor(steps) * scale[:, None] + 50) / 100).floor().clamp(1, 255)
    table = _to(table.view(-1, 1, 1, 1, 8, 8), planes.device)
    wave = torch.arange(8.0)
    cosines = torch.cos((2 * wave + 1) * wave[:, None] * math.pi / 16) / 2
    cosines[0] /= math.sqrt(2)
    cosines = _to(cosines, planes.device)
    size, (height, width) = planes.shape[:2], (side // 8 for side in planes.shape[-2:])
    blocks = planes.view(*size, height, 8, width, 8).transpose(3, 4)
    rounded = torch.round(cosines @ blocks @ cosines.T / table) * table
    return (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(planes.shape)
