"""The twins: networks that turn a picture into an embedding.

One registry, `BACKBONES`, maps a name to a builder. A backbone maps (N, C, S, S) float pictures,
already normalised, to (N, embedding_size); its builder raises ValueError for an S that is too small
for its layers. `layer_decay` gives the L2 factor of each weight.
"""

import hashlib
import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Koch(nn.Module):
    """The network of Koch, Zemel and Salakhutdinov 2015, section 3.3 and figure 4.

    Four convolutions (64 of 10x10, 128 of 7x7, 128 of 4x4, 256 of 4x4), ReLU, max-pooling between
    them, and one fully connected layer with sigmoid units: 4,096 of them in the paper.
    Weights start as in section 3.2 of the paper.
    """

    # The paper searches layer-wise L2 factors in [0, 0.1] and does not print what it found; these
    # are our choice: little for the shared filters, more for the large fully connected layer.
    LAYER_DECAY: ClassVar = {"convolutions": 2e-4, "fully_connected": 1e-3}

    def __init__(self, channels: int, image_size: int, embedding_size: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, 64, 10), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(128, 256, 4), nn.ReLU(),
        )  # fmt: skip
        side = ((((image_size - 9) // 2 - 6) // 2 - 3) // 2) - 3
        if side < 1:
            raise ValueError(f"a picture of {image_size} px is too small for its four convolutions")
        self.fully_connected = nn.Linear(256 * side * side, embedding_size)
        for layer in self.convolutions:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 1e-2)
                nn.init.normal_(layer.bias, 0.5, 1e-2)  # type: ignore[arg-type]
        nn.init.normal_(self.fully_connected.weight, 0.0, 2e-1)
        nn.init.normal_(self.fully_connected.bias, 0.5, 1e-2)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, C, S, S) -> (N, embedding_size), each in 0..1."""
        return torch.sigmoid(self.fully_connected(self.convolutions(pictures).flatten(1)))


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016); the second norm starts at zero.

    A block that starts at zero is the identity, so a trained network can be made deeper without
    changing what it computes.
    """

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
                nn.Conv2d(width_in, width, 1, bias=False),
                nn.BatchNorm2d(width),
            )
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width, H / stride, W / stride)."""
        inner = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(x), inplace=True)


class Compact(nn.Module):
    """A plain residual network of dense 3x3 convolutions; the default.

    Stride-4 stem, three stages of residual blocks, a global depthwise convolution as in
    MobileFaceNet (Chen et al. 2018, section 3.1), one linear layer, unit length. Dense convolutions
    and plain ReLU, because on a CPU they train and answer faster than depthwise ones with PReLU.
    """

    frame: Tensor | None  # (embedding_size, rank), see `tight_frame`

    def __init__(
        self,
        channels: int,
        image_size: int,
        embedding_size: int,
        blocks: tuple[int, int, int] = (2, 2, 2),
        widths: tuple[int, int, int] = (64, 128, 256),
        features: int | None = None,
        bases: int = 1,
    ) -> None:
        """`blocks` and `widths` are those of the three stages.

        `features` are the channels before the last linear layer, by default `embedding_size`.
        `bases` says in how many orthonormal bases the embedding is written out, see `tight_frame`.
        """
        super().__init__()
        features = features or embedding_size
        stages = _stages(blocks, widths)  # first, as ever: a seed gives the same network
        self.stem = nn.Sequential(
            nn.Conv2d(channels, widths[0] // 2, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0] // 2), nn.ReLU(inplace=True),
            nn.Conv2d(widths[0] // 2, widths[0], 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.stages = stages
        self.expand = nn.Sequential(
            nn.Conv2d(widths[-1], features, 1, bias=False),
            nn.BatchNorm2d(features), nn.ReLU(inplace=True),
        )  # fmt: skip
        side = -(-image_size // 16)
        self.pool = nn.Sequential(
            nn.Conv2d(features, features, side, groups=features, bias=False),
            nn.BatchNorm2d(features),
        )
        self.project = nn.Linear(features, embedding_size // bases)
        frame = torch.empty(embedding_size, embedding_size // bases) if bases > 1 else None
        if frame is not None and not frame.is_meta:
            frame = tight_frame(embedding_size // bases, bases)
        self.register_buffer("frame", frame, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, C, S, S) -> (N, embedding_size), each of unit length."""
        features = self.expand(self.stages(self.stem(pictures)))
        unit = F.normalize(self.project(self.pool(features).flatten(1)).float())
        return unit if self.frame is None else unit @ self.frame.T


def tight_frame(dimension: int, bases: int) -> Tensor:
    """Several orthonormal bases of one space, stacked: float32 (bases * dimension, dimension).

    Lengths are kept. The sum of absolute differences depends on the axes, the length of the
    difference does not; over many axes in general position the sum becomes the length times a
    constant (Dvoretzky's theorem), so |a - b| through a linear layer can follow the cosine that a
    network was distilled by. Each basis is a discrete cosine transform after a change of signs.
    """
    place = np.arange(dimension)
    cosines = np.cos(math.pi / dimension * (place + 0.5) * place[:, None])
    cosines *= math.sqrt(2 / dimension)
    cosines[0] /= math.sqrt(2)
    signed = []
    for number in range(bases):  # by the bits of a hash, which are the same on every machine
        digest = hashlib.shake_256(f"basis {number}".encode()).digest(-(-dimension // 8))
        bits = np.unpackbits(np.frombuffer(digest, np.uint8), count=dimension, bitorder="little")
        signed.append(cosines * (1.0 - 2.0 * bits))
    return torch.tensor(np.concatenate(signed) / math.sqrt(bases), dtype=torch.float32)


def _stages(blocks: tuple[int, ...], widths: tuple[int, ...]) -> nn.Sequential:
    """Stages of residual blocks; each but the first halves the sides."""
    layers: list[nn.Module] = []
    width_in = widths[0]
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        for block in range(count):
            layers.append(Residual(width_in, width, 2 if stage and not block else 1))
            width_in = width
    return nn.Sequential(*layers)


def _inception_resnet_v1(channels: int, image_size: int, embedding_size: int) -> nn.Module:
    """facenet-pytorch's InceptionResnetV1 with fresh weights (Szegedy et al. 2016)."""
    if image_size < 75:
        raise ValueError(f"a picture of {image_size} px is too small for its convolutions")
    # Imported here: the other backbones, and `import siamese`, do without facenet-pytorch.
    with warnings.catch_warnings():  # it silences one for the whole process
        from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(pretrained=None, classify=False)
    network.conv2d_1a.conv = nn.Conv2d(channels, 32, 3, stride=2, bias=False)
    network.last_linear = nn.Linear(1792, embedding_size, bias=False)
    network.last_bn = nn.BatchNorm1d(embedding_size, eps=0.001, momentum=0.1)
    return network


BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "compact": Compact,
    # Half as wide and less deep: for drawings, of which there is less to see.
    "slim": partial(Compact, blocks=(1, 2, 2), widths=(32, 64, 128)),
    "koch": Koch,
    "inception_resnet_v1": _inception_resnet_v1,
}

SHAPED = "compact"  # the one whose depth and width are chosen


def layer_decay(backbone: nn.Module, name: str, default: float) -> float:
    """The L2 factor for the parameter `name` of `backbone`: the layer's own, or `default`."""
    factors: dict[str, float] = getattr(backbone, "LAYER_DECAY", {})
    return factors.get(name.partition(".")[0], default)
