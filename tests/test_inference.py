"""The copy that answers is the network that was trained, in fewer steps."""

import pytest
import torch
from torch import nn

from siamese.inference import ready
from siamese.network import NetworkConfig, SiameseNetwork


def trained(backbone: str, size: int) -> SiameseNetwork:
    """A network whose norms have seen pictures; else they would be the identity."""
    torch.manual_seed(3)
    network = SiameseNetwork(NetworkConfig(backbone, size, 3, 64))
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.5, 0.5)
    with torch.no_grad():
        for _ in range(2):
            network.train().embed(torch.rand(4, 3, size, size))
    return network.eval()


@pytest.mark.parametrize(
    ("backbone", "size"),
    [("compact", 32), ("compact", 50), ("koch", 105), ("inception_resnet_v1", 96)],
)
@torch.inference_mode()
def test_the_embeddings_are_the_same(backbone: str, size: int) -> None:
    network = trained(backbone, size)
    pictures = torch.rand(4, 3, size, size)
    expected = network.embed(pictures)
    assert torch.allclose(ready(network).embed(pictures), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0


def test_no_norm_of_a_compact_network_is_left_and_the_original_keeps_all() -> None:
    network = trained("compact", 32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fast = ready(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
