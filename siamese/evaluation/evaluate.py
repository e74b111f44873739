"""`python -m siamese evaluate`: run protocols; write metrics.json, plots and a card.

metrics.json, schema version 1, holds no figure of another network:

    schema_version   1
    weights_sha256   SHA-256 of the model.safetensors that was measured
    command          how to measure it again
    software         versions of the libraries that take part
    data             SHA-256 of the test sets and sources that were read, by name
    protocols        what each protocol in `protocols.PROTOCOLS` returned, by its name

A rate is {value, errors, trials, low, high}: `errors` of `trials`, and a 95 % interval, see
`metrics.rate` and `metrics.clustered_rate` (for what is desired, such as right answers or accepted
genuine pairs, `errors` counts those).
Logits and thresholds are natural logarithms of odds at a prior of one half.
"""

import dataclasses
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from siamese import checkpoint as checkpoints
from siamese import writing
from siamese.calibration import (
    ANYBODY,
    DecisionRule,
    ErrorCurve,
    OperatingPoint,
    Population,
    Rate,
)
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data.people import fingerprint
from siamese.data.pixels import CACHE
from siamese.errors import InputError
from siamese.evaluation import card, plots
from siamese.evaluation.bench import Bench
from siamese.evaluation.metrics_file import SCHEMA_VERSION, pairs_of, read_metrics, write_metrics
from siamese.evaluation.pair_lists import PairSource
from siamese.evaluation.protocols import PROTOCOLS

LIBRARIES = ("torch", "torchvision", "facenet-pytorch", "numpy", "pillow", "scikit-learn")
Rule = TypeVar("Rule", DecisionRule, Population)


def evaluate(
    checkpoint_folder: Path,
    data_folder: Path,
    out_folder: Path | None = None,
    protocols: Sequence[str] | None = None,
    cache: Path = CACHE,
    *,
    write_card: bool = False,
    own_pairs: PairSource | None = None,
) -> dict[str, Any]:
    """Measure a checkpoint and write what was found into `out_folder`; returns metrics.json.

    By default that is a folder beside the data, named after these weights. With `write_card` it is
    the checkpoint's own: config.json gets the rates measured on LFW too, and plots and card lie
    beside the weights. `protocols` are names in `PROTOCOLS`; by default all whose files are in
    `data_folder`, or with `own_pairs` those pairs alone. Results of other protocols in an earlier
    metrics.json are kept where they are of the same weights.
    """
    checkpoint = checkpoints.load_folder(checkpoint_folder)
    out = _out(checkpoint, data_folder, out_folder, write_card)
    bench = Bench(checkpoint, data_folder, out, cache, own_pairs or PairSource())
    if own_pairs:
        protocols = _pairs_only(protocols)
    chosen = choose(protocols, data_folder, checkpoint.config, write_card, bool(own_pairs))
    _make(out)
    content = _started(out, checkpoint)
    for name in chosen:
        print(f"protocol {name}", file=sys.stderr, flush=True)
        content["protocols"][name] = PROTOCOLS[name].run(bench)
        files = [
            data_folder / file for file in PROTOCOLS[name].files(data_folder, checkpoint.config)
        ]
        content["data"] |= {file.name: fingerprint(file) for file in files if file.exists()}
        write_metrics(out, content)  # after each: a run that is stopped has not been for nothing
    if any(PROTOCOLS[name].published for name in chosen):
        plots.draw_training(out, checkpoint_folder / "log.csv")
        measured = pairs_of(content["protocols"])
        with writing.together(out) as draft:
            if write_card and measured:
                checkpoint = _with_measured_rates(checkpoint, content["protocols"], draft)
            text = card.render(checkpoint, content, out)
            writing.write(draft / checkpoints.CARD, text.encode())
            if card.subject_of(checkpoint.config) == "faces":
                text = card.details(checkpoint, content, out)
                writing.write(draft / card.DETAILS, text.encode())
    print(card.headline(chosen, content["protocols"]))
    print(f"written: {out}")
    return content


def _out(checkpoint: Checkpoint, data: Path, wanted: Path | None, write_card: bool) -> Path:
    """The folder to write; InputError where it would be the checkpoint's by accident."""
    own = checkpoint.folder
    assert own is not None  # it was loaded from one
    if write_card:
        if wanted is not None:
            raise InputError("--write-card writes beside the weights; leave out --out.")
        return own
    beside = data.resolve()
    out = wanted or beside.with_name(f"{beside.name}-evaluated-{checkpoint.sha256[:8]}")
    if out.resolve() == own.resolve():
        raise InputError(
            f"{out} is the checkpoint's own folder, whose card and metrics are published; choose"
            " another one, or say --write-card."
        )
    return out


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} cannot be made ({error.strerror}); name another --out.") from error


def _pairs_only(protocols: Sequence[str] | None) -> list[str]:
    if protocols not in (None, ["pairs"]):
        raise InputError("--pairs measures these pairs and nothing else; leave out --protocol.")
    return ["pairs"]


def choose(
    protocols: Sequence[str] | None,
    data_folder: Path,
    config: CheckpointConfig,
    write_card: bool = False,
    own_pairs: bool = False,
) -> list[str]:
    """Names of protocols in their own order; `own_pairs` says that pairs were named elsewhere.

    Raises InputError for an unknown one, one for another subject or not for a card, or a missing
    file.
    """
    if not data_folder.is_dir():
        raise InputError(f"The data folder {data_folder} does not exist.")
    subject = card.subject_of(config)
    for name in protocols or ():
        _check(name, subject, write_card)
        missing = PROTOCOLS[name].missing(data_folder, config)
        if missing and not own_pairs:
            raise InputError(f"Protocol {name} needs {missing[0]} in {data_folder}.")
    if protocols:
        return [name for name in PROTOCOLS if name in protocols]
    suited = [
        protocol
        for protocol in PROTOCOLS.values()
        if protocol.subject == subject and (protocol.published or not write_card)
    ]
    found = [protocol.name for protocol in suited if not protocol.missing(data_folder, config)]
    if not found:
        files = sorted({file for protocol in suited for file in protocol.needs})
        raise InputError(f"{data_folder} holds none of the test sets: {', '.join(files)}.")
    return found


def _check(name: str, subject: str, write_card: bool) -> None:
    """InputError unless there is such a protocol, for this subject and, if wanted, for a card."""
    if name not in PROTOCOLS:
        raise InputError(f"Unknown protocol '{name}'; there are {', '.join(PROTOCOLS)}.")
    measures = PROTOCOLS[name].subject
    if measures != subject:
        raise InputError(
            f"Protocol {name} measures {measures}, and this checkpoint compares {subject}."
        )
    if write_card and not PROTOCOLS[name].published:
        raise InputError(f"No card shows protocol {name}; leave out --write-card.")


def _started(out: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """metrics.json so far, or a fresh one where it is of other weights."""
    before = read_metrics(out)
    known = before if before and before["weights_sha256"] == checkpoint.sha256 else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "weights_sha256": checkpoint.sha256,
        "command": "python -m siamese evaluate CHECKPOINT --data FOLDER --write-card",
        "software": {name: version(name) for name in LIBRARIES},
        "data": known.get("data", {}),
        "protocols": known.get("protocols", {}),
    }


def _with_measured_rates(
    checkpoint: Checkpoint, reports: dict[str, Any], folder: Path
) -> Checkpoint:
    """Store what was measured in config.json: FMR and FNMR, and their curves.

    `reports` are those of the protocols.
    """
    rule = checkpoint.config.decision
    assert rule is not None  # Bench refuses a checkpoint without
    found = {(name, False): report for name, report in reports.get("populations", {}).items()}
    if "warned" in reports:
        found[ANYBODY, True] = reports["warned"]
    populations = tuple(
        _measured(population, found[key])
        if (key := (population.name, population.warned)) in found
        else population
        for population in rule.populations
    )
    measured = _measured(rule, pairs_of(reports))
    decision = dataclasses.replace(measured, populations=populations)
    config = dataclasses.replace(checkpoint.config, decision=decision)
    checkpoints.write_config(folder, config, checkpoint.sha256)
    return dataclasses.replace(checkpoint, config=config)


def _measured(rule: Rule, report: dict[str, Any]) -> Rule:
    """The rule with the rates of its points and the curves of the report."""
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
    curves = {
        name: checkpoints.parsed(ErrorCurve, report[name], "metrics.json")
        for name in ("false_matches", "false_non_matches")
        if name in report  # older files do not have them
    }
    return dataclasses.replace(rule, operating_points=points, **curves)


def _rate(data: dict[str, Any]) -> Rate:
    return Rate(int(data["errors"]), int(data["trials"]), data["low"], data["high"])
