"""The network's promises, for every backbone: symmetry, identical pictures highest, exact sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from siamese.backbones import BACKBONES, layer_decay
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig, Siamese, ready

SMALL = {
    "compact": NetworkConfig("compact", 32, 3, 24),
    "slim": NetworkConfig("slim", 32, 1, 24),
    "koch": NetworkConfig("koch", 68, 1, 24),
    "inception_resnet_v1": NetworkConfig("inception_resnet_v1", 80, 3, 24),
}


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def network(request: pytest.FixtureRequest) -> Siamese:
    torch.manual_seed(0)
    network = Siamese(SMALL[request.param]).eval()
    with torch.no_grad():  # uneven weights: symmetry must not rest on equal ones
        network.head.weight.uniform_(-2, 0)
    return network


def pictures(network: Siamese, count: int, seed: int = 1) -> torch.Tensor:
    config = network.config
    generator = torch.Generator().manual_seed(seed)
    shape = (count, config.channels, config.image_size, config.image_size)
    return torch.rand(shape, generator=generator)


def test_every_backbone_is_tested() -> None:
    assert SMALL.keys() == BACKBONES.keys()


@torch.no_grad()
def test_order_of_the_pair_does_not_matter(network: Siamese) -> None:
    a, b = pictures(network, 4).chunk(2)
    ea, eb = network.embed(a), network.embed(b)
    assert torch.equal(network.compare(ea, eb), network.compare(eb, ea))


@torch.no_grad()
def test_identical_pictures_score_highest(network: Siamese) -> None:
    embeddings = network.embed(pictures(network, 6))
    logits = network.compare(embeddings[:, None], embeddings[None])
    assert torch.equal(logits.diagonal(), network.head.bias.expand(6))
    assert bool((logits <= network.head.bias).all())


@torch.no_grad()
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-3, 1e3))
def test_no_embedding_beats_itself(seed: int, scale: float) -> None:
    network = Siamese(SMALL["compact"])
    a, b = torch.randn(2, 24, generator=torch.Generator().manual_seed(seed)) * scale
    assert float(network.compare(a, b)) <= float(network.compare(a, a))
    assert float(network.compare(a, b)) == float(network.compare(b, a))


@torch.no_grad()
def test_compare_is_a_weighted_l1_distance(network: Siamese) -> None:
    a, b = network.embed(pictures(network, 2))
    weights, bias = network.head.weight[0].numpy(), float(network.head.bias)
    slow = bias + sum(
        w * abs(x - y) for w, x, y in zip(weights, a.tolist(), b.tolist(), strict=True)
    )
    assert float(network.compare(a, b)) == pytest.approx(slow, rel=1e-4)


@torch.no_grad()
def test_an_embedding_does_not_depend_on_its_batch(network: Siamese) -> None:
    batch = pictures(network, 3)
    alone = network.embed(batch[1:2])[0]
    np.testing.assert_allclose(network.embed(batch)[1], alone, rtol=1e-3, atol=1e-5)


def test_the_gradient_reaches_the_twins_from_both_pictures(network: Siamese) -> None:
    a, b = (p.requires_grad_() for p in pictures(network, 2).chunk(2))
    network(a, b).sum().backward()
    assert a.grad is not None and float(a.grad.abs().sum()) > 0
    assert b.grad is not None and float(b.grad.abs().sum()) > 0


@torch.no_grad()
def test_constrain_puts_the_head_back_below_zero(network: Siamese) -> None:
    kept = network.head.weight.clone()
    network.head.weight[0, 0] = 3.0
    network.constrain()
    assert float(network.head.weight[0, 0]) == 0.0
    assert torch.equal(network.head.weight[0, 1:], kept[0, 1:])
    network.head.weight.copy_(kept)


@torch.no_grad()
def test_folding_a_calibration_changes_the_logit_by_exactly_that() -> None:
    network = Siamese(SMALL["compact"]).eval()
    a, b = network.embed(pictures(network, 2))
    before = float(network.compare(a, b))
    network.fold(2.5, -0.75)
    assert float(network.compare(a, b)) == pytest.approx(2.5 * before - 0.75, rel=1e-5)


def test_koch_has_the_published_size() -> None:
    """Figure 4 of the paper, layer by layer: filters, their sizes, 9216 -> 4096 -> 1."""
    sizes = [
        64 * 10 * 10,
        128 * 64 * 7 * 7,
        128 * 128 * 4 * 4,
        256 * 128 * 4 * 4,
        9216 * 4096,
        4096,
    ]
    biases = [64, 128, 128, 256, 4096, 1]
    with torch.device("meta"):
        network = Siamese(NetworkConfig("koch", 105, 1, 4096))
    assert sum(p.numel() for p in network.parameters()) == sum(sizes) + sum(biases)


def test_koch_has_its_own_l2_for_each_kind_of_layer() -> None:
    koch = Siamese(SMALL["koch"]).backbone
    assert layer_decay(koch, "convolutions.0.weight", 9.0) == 2e-4
    assert layer_decay(koch, "fully_connected.weight", 9.0) == 1e-3
    assert layer_decay(Siamese(SMALL["compact"]).backbone, "stem.0.weight", 9.0) == 9.0


def test_the_default_fits_its_budget() -> None:
    """At most 9 MB as 16-bit floats."""
    with torch.device("meta"):
        network = Siamese(NetworkConfig())
    assert 2 * sum(p.numel() for p in network.parameters()) <= 9e6


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"'resnet9000'.*compact"):
        NetworkConfig("resnet9000")


@pytest.mark.parametrize("backbone", ["slim", "koch", "inception_resnet_v1"])
def test_only_the_compact_backbone_takes_a_shape(backbone: str) -> None:
    with pytest.raises(CheckpointError, match=f"'{backbone}' takes no blocks, features"):
        NetworkConfig(backbone, blocks=(1, 2, 2), features=9)


def test_slim_is_compact_with_a_shape_of_its_own() -> None:
    slim = Siamese(NetworkConfig("slim", 32, 1, 24)).state_dict()
    shaped = NetworkConfig("compact", 32, 1, 24, blocks=(1, 2, 2), widths=(32, 64, 128))
    compact = Siamese(shaped).state_dict()
    assert {k: v.shape for k, v in slim.items()} == {k: v.shape for k, v in compact.items()}


def test_a_deeper_network_at_112_pixels_fits_in_10_megabytes() -> None:
    """4.9 million parameters as 16-bit floats."""
    config = NetworkConfig(
        image_size=112, embedding_size=192, blocks=(3, 4, 3), widths=(64, 128, 256), features=512
    )
    with torch.device("meta"):
        network = Siamese(config)
    assert network.backbone.pool[0].weight.shape == (512, 1, 7, 7)
    assert 2 * sum(p.numel() for p in network.parameters()) <= 10e6


@torch.no_grad()
def test_a_picture_and_its_mirror_image_are_embedded_as_one(network: Siamese) -> None:
    """The mean of the two plain embeddings, picture by picture, whichever of the two is given."""
    batch = pictures(network, 3)
    expected = (network.embed(batch) + network.embed(batch.flip(3))) / 2
    both = network.with_mirror(True)
    for either in (batch, batch.flip(3)):
        np.testing.assert_allclose(both.embed(either), expected, rtol=1e-3, atol=1e-5)
    assert not torch.equal(network.embed(batch).round(decimals=4), expected.round(decimals=4))
    assert torch.equal(both.with_mirror(False).embed(batch), network.embed(batch))
    shared = zip(network.parameters(), both.parameters(), strict=True)
    assert all(one is other for one, other in shared)


def test_training_sees_one_picture_at_a_time() -> None:
    network = Siamese(SMALL["compact"]).with_mirror(True)
    seen = []
    network.backbone.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    batch = pictures(network, 4)
    network.train().embed(batch)
    network.eval().embed(batch)
    assert seen == [4, 8]


# The copy that answers is the network that was trained, in fewer steps


def seasoned(backbone: str, size: int) -> Siamese:
    """A network whose norms have seen pictures; else they would be the identity."""
    torch.manual_seed(3)
    shape = {"blocks": (2, 1, 3), "features": 40} if size == 56 else {}
    network = Siamese(NetworkConfig(backbone, size, 3, 64, **shape))
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
    [("compact", 32), ("compact", 50), ("compact", 56), ("koch", 105), ("inception_resnet_v1", 96)],
)
@torch.inference_mode()
def test_the_embeddings_are_the_same(backbone: str, size: int) -> None:
    network = seasoned(backbone, size)
    pictures = torch.rand(4, 3, size, size)
    expected = network.embed(pictures)
    assert torch.allclose(ready(network).embed(pictures), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0


def test_no_norm_of_a_compact_network_is_left_and_the_original_keeps_all() -> None:
    network = seasoned("compact", 32)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fast = ready(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
