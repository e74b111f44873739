"""The model card of a checkpoint for drawings, from config.json and metrics.json alone.

The card of faces is in `card`; both write no figure that was not measured.
"""

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from siamese.checkpoint import Checkpoint
from siamese.evaluation import plots
from siamese.evaluation.card import (
    Report,
    commands,
    data_files,
    percent,
    rate,
    software,
    table,
)
from siamese.evaluation.omniglot import HUMAN, PAPER

NOTICE = """\
Omniglot: Copyright (c) 2015 Brenden Lake, MIT licence. B. M. Lake, R. Salakhutdinov and J. B.
Tenenbaum, *Human-level concept learning through probabilistic program induction*, Science 350
(2015), 1332-1338."""
DATA_NOTES = {
    "images_background.zip": "Omniglot, the 30 background alphabets",
    "images_evaluation.zip": "Omniglot, the 20 evaluation alphabets: test only",
    "all_runs.zip": "Omniglot, the official one-shot runs: test only",
}
SPLIT = """\
Bengali and Hebrew validate; Anglo-Saxon Futhorc, Mkhedruli (Georgian) and Tagalog calibrate, one
half of their characters fits and the other half reports. Of the other 25 alphabets, the drawers 1
to 16 train and the drawers 17 to 20 are used for nothing."""
LIMITS = """\
- It was trained on black strokes of even width on white, 105x105 px, and compares pictures as they
  are: no cropping, no centring. A small character in a corner, white on black, or filled shapes are
  other tasks.
- The probability holds for a prior of one half and for two characters of one alphabet.
- The 20 official runs are 400 trials: the standard error says how far the figure can be trusted."""


def render(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    """The whole card. `folder` is where the plot of the training is looked for."""
    found = metrics["protocols"].get("omniglot")
    measured = [_one_shot(found), _pairs(found), _pick(found)] if found else [_NOTHING]
    parts = [
        _front_matter(checkpoint, found),
        _introduction(checkpoint, metrics),
        *measured,
        f"## Limits\n\n{LIMITS}",
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
        f"Omniglot, 20-way one-shot: {_mean(runs)} over {runs['runs']} runs; pairs inside an"
        f" alphabet {percent(pairs['accuracy']['value'])}, ECE {pairs['calibration']['ece']:.4f}"
    )


def summary(found: Report) -> str:
    """The figures that the README quotes, as a part of a sentence; `found` is the protocols."""
    report = found["omniglot"]
    return (
        f"{_mean(report['one_shot'])} of the drawings in the {report['one_shot']['runs']} official"
        f" runs (the nearest picture, pixel by pixel: {_mean(report['pixels'])}; chance:"
        f" {percent(report['chance'], 0)})"
    )


def _mean(runs: Report) -> str:
    return f"{percent(runs['accuracy'])} ± {percent(runs['standard_error'])}"


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
    results = [
        EvalResult(
            task_type="image-classification",
            task_name="One-shot classification",
            dataset_type="omniglot",
            dataset_name="Omniglot, official within-alphabet runs",
            metric_type=kind,
            metric_name=name,
            metric_value=round(value, 4),
        )
        for kind, (name, value) in values.items()
    ]
    license = checkpoint.config.license
    other = license == "other"
    data = ModelCardData(
        model_name="siamese-omniglot",
        license=license,
        license_name="see-below" if other else None,
        license_link="README.md#data" if other else None,
        library_name="pytorch",
        pipeline_tag="image-feature-extraction",
        tags=["siamese-network", "one-shot", "omniglot", "calibrated"],
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _introduction(checkpoint: Checkpoint, metrics: Report) -> str:
    network = checkpoint.config.network
    parameters = sum(value.numel() for value in checkpoint.network.parameters())
    return f"""\
# Siamese one-shot classification of drawn characters

Two identical twins with shared weights turn two drawings into vectors; a linear layer over their
element-wise absolute difference, with weights of at most zero, and a sigmoid turn these into the
probability that both are the same character (Koch, Zemel and Salakhutdinov 2015). The same code as
for faces trains, calibrates, loads and measures it; it looks for no face and takes each picture
whole.

Backbone `{network.backbone}`, {parameters:,} parameters, input {network.image_size}x\
{network.image_size} px, one channel, embedding of {network.embedding_size} numbers. Weights
`{checkpoint.sha256}`.

This card is written by `{metrics["command"]}`; every figure in it stands in metrics.json, which
names these weights. Rates are followed by their counts and exact 95 % intervals."""


def _one_shot(found: Report) -> str:
    runs, floor = found["one_shot"], found["pixels"]
    rows = [
        ("this network", _mean(runs), rate(runs["correct"])),
        ("nearest picture, pixel by pixel", _mean(floor), rate(floor["correct"])),
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
    points = [
        (name, f"{point['threshold']:.3f}", rate(point["fmr"]), rate(point["fnmr"]))
        for name, point in report["operating_points"].items()
    ]
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
            table(("point", "threshold (logit)", "FMR", "FNMR"), points),
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


def _data(checkpoint: Checkpoint, metrics: Report) -> str:
    config, calibration = checkpoint.config, checkpoint.config.calibration
    parts = [
        "## Data",
        f"Licence of the weights: {config.license}. {config.license_reason}".strip(),
        data_files(config, metrics, DATA_NOTES),
    ]
    if calibration.get("split") == "alphabets":
        parts += [NOTICE, SPLIT]
    if "people" in calibration:
        parts.append(
            f"Calibrated on {calibration['people']:,} characters ({calibration['pictures']:,}"
            f" pictures; {calibration['genuine_pairs']:,} genuine and"
            f" {calibration['impostor_pairs']:,} impostor pairs inside an alphabet, weighing the"
            " same)."
        )
    return "\n\n".join(parts)


def _reproduce(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    plot = f"![training]({plots.TRAINING})\n\n" if (folder / plots.TRAINING).exists() else ""
    made = commands(checkpoint.config, metrics)
    return f"## How to reproduce\n\n{plot}{made}\n\nMeasured with {software(metrics)}."
