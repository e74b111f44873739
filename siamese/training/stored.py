"""Stored pictures as a network takes them: aligned crops with their margin, or whole pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from siamese.alignment import Alignment
from siamese.checkpoint import CheckpointConfig
from siamese.network import SiameseNetwork
from siamese.training import people
from siamese.training.augment import plain
from siamese.training.people import Picture

# How aligned crops are stored: the 112 x 112 template, px for px, with 8 px on every side.
STORED = Alignment(size=128, window=(-8, -8, 120, 120))


def read_stored(pictures: Sequence[Picture], config: CheckpointConfig, cache: Path) -> np.ndarray:
    """Pixels for a network of this kind: aligned crops with their margin, or whole pictures."""
    network, whole = config.network, config.detector == "none"
    side = network.image_size if whole else STORED.size
    return people.read_pixels(pictures, side, network.channels, cache, whole)


def stored_window(config: CheckpointConfig) -> tuple[float, float, float, float]:
    """The canonical crop in the coordinates of a stored crop (`read_stored`)."""
    if config.detector == "none":
        side = float(config.network.image_size)
        return 0.0, 0.0, side, side
    (left, top, _, _), (x0, y0, x1, y1) = STORED.window, config.window
    return x0 - left, y0 - top, x1 - left, y1 - top


@torch.inference_mode()
def embed_stored(
    network: SiameseNetwork,
    pixels: np.ndarray,
    window: tuple[float, float, float, float],
    title: str = "",
    batch_size: int = 128,
) -> np.ndarray:
    """Embed stored crops (uint8 (N, C + 1, H, W)) as the product would: float32 (N, D)."""
    network.eval()
    device = next(network.parameters()).device
    starts = range(0, len(pixels), batch_size)
    found = []
    for start in tqdm(starts, title, disable=not title):
        stored = torch.from_numpy(np.array(pixels[start : start + batch_size]))
        pictures = plain(stored, window, network.config.image_size)
        found.append(network.embed(pictures.to(device)).cpu().numpy())
    return np.concatenate(found)
