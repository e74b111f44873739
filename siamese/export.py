"""A checkpoint as one ONNX file, twin, head and calibration, for programs of any language.

The graph takes aligned crops and gives their embeddings, and the logits of all pairs of them. What
else a program needs to feed it (how a face is aligned) and to read it (thresholds, bounds, the head
for galleries of its own) is JSON in the file's metadata.
"""

import json
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from siamese import writing
from siamese.checkpoint import Checkpoint
from siamese.errors import InputError
from siamese.faces.alignment import TEMPLATE
from siamese.network import NEAREST, Head, Siamese, ready

OPSET = 18
DESCRIPTION = (
    "Siamese face verification. Give aligned crops, read logits: natural logarithms of likelihood"
    " ratios, 'same person' against 'two different people'; at even odds, sigmoid(logit) is the"
    " probability."
)


class Graph(nn.Module):
    """What the file computes: uint8 (N, S, S, C) -> embeddings (N, D), logits (N, N)."""

    weights: Tensor
    cohort: Tensor

    def __init__(self, network: Siamese) -> None:
        super().__init__()
        self.network, self.head = ready(network), Head.of(network)
        self.register_buffer("weights", torch.from_numpy(self.head.weights))
        if self.head.cohort is not None:
            self.register_buffer("cohort", torch.from_numpy(self.head.cohort * self.head.weights))

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        embeddings = self._embed(crops.permute(0, 3, 1, 2).float() / 255)
        scaled = embeddings * self.weights
        logits = self.head.bias - _distances(scaled, scaled)
        if self.head.cohort is None:
            return embeddings, logits
        count = min(NEAREST, len(self.head.cohort))
        nearest = _distances(scaled, self.cohort).topk(count, largest=False).values
        isolation = nearest.mean(-1)
        return embeddings, logits + self.head.relative / 2 * (isolation[:, None] + isolation)

    def _embed(self, pictures: Tensor) -> Tensor:
        """As `Siamese.embed`, whose stack of both halves would fix N when it is traced."""
        config, backbone = self.network.config, self.network.backbone
        inputs = (pictures - config.mean) / config.std
        if not config.mirrored:
            return backbone(inputs)
        return (backbone(inputs) + backbone(inputs.flip(-1))) / 2


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """L1 distances (N, M) of rows (N, D) from rows (M, D)."""
    return (a[:, None] - b[None]).abs().sum(-1)


def export(checkpoint: Checkpoint, out: Path) -> None:
    """Write a calibrated checkpoint as ONNX.

    Raises InputError where `out` does not end in .onnx, CheckpointError for one that was never
    calibrated, and ModuleNotFoundError without the package onnx.
    """
    import onnx

    if out.suffix.lower() != ".onnx":
        raise InputError(f"{out} does not end in .onnx; the network is written as an ONNX file.")
    described = describe(checkpoint)
    size, channels = checkpoint.config.network.image_size, checkpoint.config.network.channels
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a newer exporter, which needs two more packages
        file = Path(folder) / "plain.onnx"
        torch.onnx.export(
            Graph(checkpoint.network).eval(),
            (torch.zeros(2, size, size, channels, dtype=torch.uint8),),
            file,
            input_names=["crops"],
            output_names=["embeddings", "logits"],
            dynamic_axes={"crops": {0: "N"}, "embeddings": {0: "N"}, "logits": {0: "N", 1: "N"}},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(file)
    model.doc_string, model.producer_name = DESCRIPTION, "siamese"
    onnx.helper.set_model_props(model, {name: json.dumps(said) for name, said in described.items()})
    onnx.checker.check_model(model)
    writing.write(out, model.SerializeToString())


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a program has to know to feed the graph and to read it, as data, by names."""
    config, head = checkpoint.config, Head.of(checkpoint.network)
    return {
        "sha256": checkpoint.sha256,
        "detector": config.detector,
        "crop": {
            "format": "uint8, N x height x width x channels, RGB or grey",
            "size": config.network.image_size,
            "template": TEMPLATE,
            "landmarks": "eye, eye, nose, corners of the mouth; the left one in the photo first",
            "window": config.window,
            "method": "the least-squares similarity that takes the landmarks to the template; the"
            " window of the template, resized to the crop. Without a detector: the whole picture.",
        },
        "decision": checkpoint.rule.to_dict(),
        "head": {
            "logit": "bias - d(a, b) + relative * (isolation(a) + isolation(b)) / 2, where d is the"
            " sum of weights * |a - b|, and isolation the mean d to the nearest rows of the cohort,"
            " as many as `nearest` says; 0 without a cohort",
            "weights": head.weights.tolist(),
            "bias": head.bias,
            "relative": head.relative,
            "cohort": None if head.cohort is None else head.cohort.tolist(),
            "nearest": NEAREST,
        },
        "license": {"license": config.license, "reason": config.license_reason},
    }
