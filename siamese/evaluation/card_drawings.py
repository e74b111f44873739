"""The model card of a checkpoint for drawings, from config.json and metrics.json alone.

The card of faces is in `card`, what both share in `card_parts`; neither writes a figure that was
not measured.
"""

from pathlib import Path
from typing import Any

from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.evaluation import plots
from siamese.evaluation.card_parts import (
    Measured,
    Report,
    accuracy,
    calibrated_on,
    data_files,
    front_matter,
    operating_points,
    percent,
    rate,
    reproduce,
    table,
    trained_on,
    written_by,
)
from siamese.evaluation.protocols.omniglot import HUMAN, PAPER
from siamese.hub.card import mirrored

NOTICE = """\
Omniglot: Copyright (c) 2015 Brenden Lake, MIT licence. B. M. Lake, R. Salakhutdinov and J. B.
Tenenbaum, *Human-level concept learning through probabilistic program induction*, Science 350
(2015), 1332-1338."""
BACKGROUND = "images_background.zip"
DATA_NOTES = {
    BACKGROUND: "Omniglot, the 30 background alphabets",
    "images_evaluation.zip": "Omniglot, the 20 evaluation alphabets: test only",
    "all_runs.zip": "Omniglot, the official one-shot runs: test only",
}
SPLIT = """\
Bengali and Hebrew validate; Anglo-Saxon Futhorc, Mkhedruli (Georgian) and Tagalog calibrate, one
half of their characters fits and the other half reports. Of the other 25 alphabets, the drawers 1
to 16 train and the drawers 17 to 20 are used for nothing."""
STROKES = """\
- It was trained on black strokes of even width on white, 105x105 px, and compares pictures as they
  are: no cropping, no centring. A small character in a corner, white on black, or filled shapes are
  other tasks."""
AS_THEY_ARE = "- It compares pictures as they are: no cropping, no centring."


def render(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    """The whole card. `folder` is where the plot of the training is looked for."""
    found = metrics["protocols"].get("omniglot")
    measured = [_one_shot(found), _pairs(found), _pick(found)] if found else [_NOTHING]
    parts = [
        _front_matter(checkpoint, found),
        _introduction(checkpoint, metrics),
        *measured,
        _limits(checkpoint.config, found),
        _data(checkpoint, metrics),
        _reproduce(checkpoint, metrics, folder),
    ]
    return "\n\n".join(parts) + "\n"


_NOTHING = "Omniglot has not been measured for these weights."


def headline(found: Report) -> str:
    """The chief figures in one line, for a terminal."""
    if "omniglot" not in found:
        return f"measured: {', '.join(found)}"
    runs, pairs = found["omniglot"]["one_shot"], found["omniglot"]["verification"]
    return (
        f"Omniglot, 20-way one-shot: {accuracy(runs)} over {runs['runs']} runs; pairs inside an"
        f" alphabet {percent(pairs['accuracy']['value'])}, ECE {pairs['calibration']['ece']:.4f}"
    )


def summary(found: Report) -> str:
    """The figures that the README quotes, as a part of a sentence; `found` is the protocols."""
    report = found["omniglot"]
    return (
        f"{accuracy(report['one_shot'])} of the drawings in the {report['one_shot']['runs']}"
        f" official runs (the nearest picture, pixel by pixel: {accuracy(report['pixels'])};"
        f" chance: {percent(report['chance'], 0)})"
    )


def _front_matter(checkpoint: Checkpoint, found: Report | None) -> str:
    values: dict[str, tuple[str, float]] = {}
    if found:
        values = {
            "accuracy": ("20-way one-shot accuracy", found["one_shot"]["accuracy"]),
            "ece": (
                "Expected calibration error on pairs",
                found["verification"]["calibration"]["ece"],
            ),
        }
    return front_matter(
        checkpoint.config,
        "siamese-omniglot",
        ["siamese-network", "one-shot", "omniglot", "calibrated"],
        "see-below",
        Measured(
            "One-shot classification", "omniglot", "Omniglot, official within-alphabet runs", values
        ),
    )


def _introduction(checkpoint: Checkpoint, metrics: Report) -> str:
    network = checkpoint.config.network
    twice = mirrored(network, "the picture")
    parameters = sum(value.numel() for value in checkpoint.network.parameters())
    return f"""\
# Siamese one-shot classification of drawn characters

Two identical twins with shared weights turn two drawings into vectors; a linear layer over their
element-wise absolute difference, with weights of at most zero, and a sigmoid turn these into the
probability that both are the same character (Koch, Zemel and Salakhutdinov 2015). The same code as
for faces trains, calibrates, loads and measures it; it looks for no face and takes each picture
whole.

Backbone `{network.backbone}`, {parameters:,} parameters, input {network.image_size}x\
{network.image_size} px, one channel, embedding of {network.embedding_size} numbers{twice}. Weights
`{checkpoint.sha256}`.

{written_by(metrics)}"""


def _one_shot(found: Report) -> str:
    runs, floor = found["one_shot"], found["pixels"]
    rows = [
        ("this network", accuracy(runs), rate(runs["correct"])),
        ("nearest picture, pixel by pixel", accuracy(floor), rate(floor["correct"])),
        ("chance", percent(found["chance"]), ""),
        ("Koch et al. 2015, as published", percent(PAPER), ""),
        ("people (Lake et al. 2015)", percent(HUMAN), ""),
    ]
    return "\n\n".join(
        (
            "## One-shot classification",
            f"The {runs['runs']} official runs: 20 characters of one alphabet, one picture of each"
            " by one hand; 20 pictures by another hand are to be named. Alphabets and hands the"
            " network never saw. ± is the standard error of the mean over runs; a tie is an error.",
            table(("20-way", "mean over runs", "right of all trials"), rows),
        )
    )


def _pairs(found: Report) -> str:
    report = found["verification"]
    rows = [_pair_row("inside an alphabet", report), _pair_row("anywhere", report["anywhere"])]
    head = ("impostors", "pairs", "accuracy", "AUC", "EER", "ECE", "Brier score")
    return "\n\n".join(
        (
            "## Pairs and probability",
            f"{report['characters']} characters of {report['alphabets']} evaluation alphabets;"
            " equal numbers of genuine and of impostor pairs, decided at the operating point"
            f" {report['operating_point']}, whose threshold was fitted on held-out background"
            " alphabets. The probability is calibrated for impostors of the same alphabet; for"
            " others it is too careful.",
            table(head, rows),
            operating_points(report["operating_points"]),
        )
    )


def _pair_row(kind: str, report: Report) -> tuple[str, ...]:
    calibration = report["calibration"]
    return (
        kind,
        f"{calibration['pairs']:,}",
        rate(report["accuracy"]),
        f"{report['auc']:.4f}",
        percent(report["eer"]),
        f"{calibration['ece']:.4f}",
        f"{calibration['brier']:.4f}",
    )


def _pick(found: Report) -> str:
    pick: dict[str, Any] = found["pick"]
    rows = [
        ("right name", rate(pick["right_name"])),
        ("wrong name", rate(pick["wrong_name"])),
        ("none of these", rate(pick["none"])),
        ("a character that is not among them gets a name", rate(pick["stranger_named"])),
    ]
    return "\n\n".join(
        (
            "## Picking, with “none of these”",
            "The product's pick in the official runs at its shipped setting (probability one half"
            " for “none of these” beforehand); in the last row the right character was taken away.",
            table(("answer", ""), rows),
        )
    )


def _limits(config: CheckpointConfig, found: Report | None) -> str:
    """What holds of this checkpoint by its training, its calibration and its figures."""
    within = " and for two characters of one alphabet" * _by_alphabets(config)
    limits = [
        STROKES if BACKGROUND in trained_on(config) else AS_THEY_ARE,
        f"- The probability holds for a prior of one half{within}.",
    ]
    if found:
        runs = found["one_shot"]
        limits.append(
            f"- The {runs['runs']} official runs are {runs['trials']} trials: the standard error"
            " says how far the figure can be trusted."
        )
    return "\n".join(["## Limits\n", *limits])


def _by_alphabets(config: CheckpointConfig) -> bool:
    """Is it calibrated on impostors of the same alphabet?"""
    return config.calibration.get("split") == "alphabets"


def _data(checkpoint: Checkpoint, metrics: Report) -> str:
    config = checkpoint.config
    parts = [
        "## Data",
        f"Licence of the weights: {config.license}. {config.license_reason}".strip(),
        data_files(config, metrics, DATA_NOTES),
    ]
    alphabets = _by_alphabets(config)
    if alphabets:
        parts += [NOTICE, SPLIT]
    kind = "impostor pairs" + " inside an alphabet" * alphabets
    parts.append(calibrated_on(config.calibration, "characters", kind))
    return "\n\n".join(part for part in parts if part)


def _reproduce(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    plot = f"![training]({plots.TRAINING})\n\n" if (folder / plots.TRAINING).exists() else ""
    return f"## How to reproduce\n\n{plot}{reproduce(checkpoint.config, metrics)}"
