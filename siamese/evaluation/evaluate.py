"""`python -m siamese evaluate`: run protocols; write metrics.json, plots and the model card.

metrics.json, schema version 1, holds no figure of another network:

    schema_version   1
    weights_sha256   SHA-256 of the model.safetensors that was measured
    command          how to measure it again
    software         versions of the libraries that take part
    data             SHA-256 of the test sets and sources that were read, by name
    protocols        what each protocol in `protocols.PROTOCOLS` returned, by its name

A rate is {value, errors, trials, low, high}: `errors` of `trials`, and a 95 % interval, see
`metrics.rate` and `metrics.clustered_rate` (for what is wished for, as right answers or accepted
genuine pairs, `errors` counts those).
Logits and thresholds are natural logarithms of odds at a prior of one half.
"""

import dataclasses
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from siamese import checkpoint as checkpoints
from siamese.calibration import OperatingPoint, Rate
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data.people import fingerprint
from siamese.data.pixels import CACHE
from siamese.errors import InputError
from siamese.evaluation import card, plots
from siamese.evaluation.bench import Bench
from siamese.evaluation.metrics_file import SCHEMA_VERSION, pairs_of, read_metrics, write_metrics
from siamese.evaluation.protocols import PROTOCOLS, Protocol, audit

AUDIT = "audit"
LIBRARIES = ("torch", "torchvision", "facenet-pytorch", "numpy", "pillow", "scikit-learn")
ALL: dict[str, Protocol] = {**PROTOCOLS, AUDIT: Protocol(audit.audit)}


def evaluate(
    checkpoint_folder: Path,
    data_folder: Path,
    out_folder: Path | None = None,
    protocols: Sequence[str] | None = None,
    cache: Path = CACHE,
) -> dict[str, Any]:
    """Measure a checkpoint and write what was found into `out_folder`; returns metrics.json.

    `out_folder` is the checkpoint's own by default; then config.json gets the rates measured on
    LFW too, and the plots and the card lie beside the weights. `protocols` are names in `ALL`; by
    default all whose files are in `data_folder`. Results of other protocols in an earlier
    metrics.json are kept where they are of the same weights.
    """
    checkpoint = checkpoints.load_folder(checkpoint_folder)
    out = out_folder or checkpoint_folder
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(checkpoint, data_folder, out, cache)
    chosen = choose(protocols, data_folder, checkpoint.config)
    content = _started(out, checkpoint)
    for name in chosen:
        print(f"protocol {name}", file=sys.stderr, flush=True)
        content["protocols"][name] = ALL[name].run(bench)
        files = ALL[name].files(data_folder, checkpoint.config)
        content["data"] |= {file: fingerprint(data_folder / file) for file in files}
        write_metrics(out, content)  # after each: a run that is stopped has not been for nothing
    if "lfw" in chosen:
        plots.draw_scores(out, bench.lfw_known, content["protocols"]["lfw"])
    plots.draw_training(out, checkpoint_folder / "log.csv")
    measured = pairs_of(content["protocols"])
    if out.resolve() == checkpoint_folder.resolve() and measured:
        checkpoint = _with_measured_rates(checkpoint, measured, out)
    (out / checkpoints.CARD).write_text(card.render(checkpoint, content, out), encoding="utf-8")
    print(card.headline(card.subject_of(checkpoint.config), content["protocols"]))
    return content


def choose(
    protocols: Sequence[str] | None, data_folder: Path, config: CheckpointConfig
) -> list[str]:
    """Names of protocols in their own order.

    Raises InputError for an unknown one, one for another subject, or a missing file.
    """
    if not data_folder.is_dir():
        raise InputError(f"The data folder {data_folder} does not exist.")
    unknown = sorted(set(protocols or ()) - set(ALL))
    if unknown:
        raise InputError(f"Unknown protocol '{unknown[0]}'; there are {', '.join(ALL)}.")
    subject = card.subject_of(config)
    suited = [name for name, protocol in ALL.items() if protocol.subject == subject]
    odd = [name for name in protocols or () if name not in suited]
    if odd:
        raise InputError(
            f"Protocol {odd[0]} measures {ALL[odd[0]].subject}, and this checkpoint compares"
            f" {subject}."
        )
    missing = {name: protocol.missing(data_folder, config) for name, protocol in ALL.items()}
    for name in protocols or ():
        if missing[name]:
            raise InputError(f"Protocol {name} needs {missing[name][0]} in {data_folder}.")
    runnable = [n for n in suited if (n in protocols if protocols else not missing[n])]
    if set(runnable) <= {AUDIT} and not protocols:  # the audit runs without any file
        files = sorted({file for name in suited for file in ALL[name].needs})
        raise InputError(f"{data_folder} holds none of the test sets: {', '.join(files)}.")
    return runnable


def _started(out: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """metrics.json so far, or a fresh one where it is of other weights."""
    before = read_metrics(out)
    known = before if before and before["weights_sha256"] == checkpoint.sha256 else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "weights_sha256": checkpoint.sha256,
        "command": "python -m siamese evaluate CHECKPOINT --data FOLDER",
        "software": {name: version(name) for name in LIBRARIES},
        "data": known.get("data", {}),
        "protocols": known.get("protocols", {}),
    }


def _with_measured_rates(
    checkpoint: Checkpoint, report: dict[str, Any], folder: Path
) -> Checkpoint:
    """Store what was measured in config.json: FMR and FNMR, and the false match curve."""
    rule = checkpoint.config.decision
    assert rule is not None  # Bench refuses a checkpoint without
    measured = report["operating_points"]
    points = tuple(
        OperatingPoint(
            point.name,
            point.threshold,
            _rate(measured[point.name]["fmr"]),
            _rate(measured[point.name]["fnmr"]),
            measured[point.name]["measured_on"],
        )
        for point in rule.operating_points
    )
    curve = rule.false_matches
    if "false_matches" in report:  # not in a metrics.json of before
        curve = checkpoints.curve_from(report["false_matches"])
    decision = dataclasses.replace(rule, operating_points=points, false_matches=curve)
    config = dataclasses.replace(checkpoint.config, decision=decision)
    checkpoints.write_config(folder, config, checkpoint.sha256)
    return dataclasses.replace(checkpoint, config=config)


def _rate(data: dict[str, Any]) -> Rate:
    return Rate(int(data["errors"]), int(data["trials"]), data["low"], data["high"])
