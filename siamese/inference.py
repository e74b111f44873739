"""A network made ready to answer: the same function in fewer steps. It cannot be trained or saved.

Checkpoints stay as they were trained: what is hashed, saved and published is never this copy.
"""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamese.network import SiameseNetwork


def ready(network: SiameseNetwork) -> SiameseNetwork:
    """A copy in evaluation mode whose batch norms are folded into the convolutions before them.

    Embeddings differ from the original's by rounding only. The weights lie channels last, as crops
    do, which is how the convolutions of a CPU like them.
    """
    fast = copy.deepcopy(network).eval().requires_grad_(False)
    _fold_norms(fast.backbone)
    return fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold_norms(module: nn.Module) -> None:
    """Fold each batch norm that is declared right after a convolution: our backbones run so too."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            _fold_norms(child)
        before = name, child
