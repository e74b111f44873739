"""A reference network for tests: the real architecture, its last layer fitted to made-up people."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors.torch import save_file

from siamese.data.people import Picture, numbers
from siamese.data.pixels import STORED, read_pixels
from siamese.data.reference import Reference


@torch.no_grad()
def write_reference(path: Path, pictures: Sequence[Picture], shown: Sequence[str] = ()) -> Path:
    """Weights that tell the people of these stored pictures apart; returns `path`.

    The layers are random but for the last, which maps each picture near a direction of the person
    it shows: its identity, or who `shown` says it is.
    """
    torch.manual_seed(0)
    network = timm.create_model("edgenext_x_small", num_classes=Reference.outputs).eval()
    with tempfile.TemporaryDirectory() as folder:
        stored = np.array(read_pixels(pictures, STORED.size, 3, Path(folder)))
    seen = torch.from_numpy(stored[:, :3, 8:120, 8:120]).float() / 127.5 - 1
    parts = [network.forward_features(part) for part in seen.split(64)]
    features = torch.cat([network.forward_head(part, pre_logits=True) for part in parts]).double()
    owner = torch.from_numpy(numbers(shown or [picture.identity for picture in pictures]))
    directions = torch.randn(int(owner.max()) + 1, Reference.outputs, dtype=torch.float64)
    middle = features.mean(0)
    centred = features - middle
    ridge = 1e-4 * centred.square().sum() / len(features) * torch.eye(centred.shape[1])
    fitted = torch.linalg.solve(centred.T @ centred + ridge, centred.T @ directions[owner])
    network.head.fc.weight.copy_(fitted.T)
    network.head.fc.bias.copy_(-middle @ fitted)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    return path
