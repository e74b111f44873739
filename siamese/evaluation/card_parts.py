"""What the model cards of faces and of drawings share: front matter, tables, provenance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from siamese.checkpoint import CheckpointConfig

Report = Mapping[str, Any]
Rows = Iterable[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures in the front matter, kind -> (name, value), and on what they were measured."""

    task: str
    dataset: str
    title: str
    values: Mapping[str, tuple[str, float]]
    split: str | None = None

    def results(self) -> list[EvalResult]:
        """As the Hub reads them."""
        return [
            EvalResult(
                task_type="image-classification",
                task_name=self.task,
                dataset_type=self.dataset,
                dataset_name=self.title,
                dataset_split=self.split,
                metric_type=kind,
                metric_name=name,
                metric_value=round(value, 4),
            )
            for kind, (name, value) in self.values.items()
        ]


def front_matter(
    config: CheckpointConfig,
    name: str,
    tags: list[str],
    other_license: str,
    measured: Measured,
) -> str:
    """The card's head for the Hub; `other_license` names a licence that config.json calls other."""
    other = config.license == "other"
    data = ModelCardData(
        model_name=name,
        license=config.license,
        license_name=other_license if other else None,
        license_link="README.md#data" if other else None,
        library_name="siamese",
        pipeline_tag="image-feature-extraction",
        tags=tags,
        eval_results=measured.results() or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def percent(value: float, digits: int = 2) -> str:
    """0.0312 -> "3.12 %"."""
    return f"{100 * value:.{digits}f} %"


def rate(data: Report) -> str:
    """A rate with its interval and its counts."""
    low, high = percent(data["low"]), percent(data["high"])
    return f"{percent(data['value'])} ({data['errors']:,} of {data['trials']:,}; {low} to {high})"


def accuracy(report: Report) -> str:
    """The mean accuracy over folds or runs with its standard error."""
    return f"{percent(report['accuracy'])} ± {percent(report['standard_error'])}"


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def operating_points(points: Mapping[str, Report]) -> str:
    """A table of the operating points and the rates measured at them."""
    rows = [
        (name, f"{point['threshold']:.3f}", rate(point["fmr"]), rate(point["fnmr"]))
        for name, point in points.items()
    ]
    return table(("point", "threshold (logit)", "FMR", "FNMR"), rows)


def written_by(metrics: Report) -> str:
    """Where the card comes from and how its figures are to be read."""
    return f"""\
This card is written by `{metrics["command"]}`; every figure in it stands in metrics.json, which
names these weights. Rates are followed by their counts and 95 % intervals,
exact ones, or wider where the same people or families come again and again (by bootstrap)."""


def trained_on(config: CheckpointConfig) -> set[str]:
    """Names of the data files of all training stages."""
    return {name for record in config.training for name in record.get("sources", {})}


def calibrated_on(calibration: Report, what: str, impostors: str) -> str:
    """How much the probability was fitted to; empty where config.json does not say."""
    if "people" not in calibration:
        return ""
    return (
        f"Calibrated on {calibration['people']:,} {what} ({calibration['pictures']:,} pictures;"
        f" {calibration['genuine_pairs']:,} genuine and {calibration['impostor_pairs']:,}"
        f" {impostors}, weighing the same)."
    )


def data_files(config: CheckpointConfig, metrics: Report, notes: Mapping[str, str]) -> str:
    """A table of the files that made these weights and figures, with what `notes` say of them."""
    files: dict[str, str] = {}
    for record in (*config.training, config.calibration, {"sources": metrics["data"]}):
        files |= record.get("sources", {})
    rows = [(name, notes.get(name, ""), f"`{sha[:16]}`") for name, sha in files.items()]
    return table(("file", "what", "SHA-256"), rows)


STARTED_FROM = """\
`# from` names the weights that the command under it took, by the first digits of their SHA-256;
`--init` and `average` mean these, whatever their folders hold by now. config.json keeps no hash of
what a stage made, and of calibrations, each of which changes the weights and so their hash, the
last only: others may lie between these commands."""


def reproduce(config: CheckpointConfig, metrics: Report) -> str:
    """The commands that made weights and figures, where config.json kept them; the versions."""
    records = [r for r in (*config.training, config.calibration, metrics) if "command" in r]
    lines = "\n".join(_taken(record) + record["command"] for record in records)
    told = STARTED_FROM + "\n\n" if any(map(_taken, records)) else ""
    software = ", ".join(f"{name} {value}" for name, value in metrics["software"].items())
    return f"{told}```\n{lines}\n```\n\nMeasured with {software}."


def _taken(record: Report) -> str:
    """A line with the hashes of the weights that a command took; empty where it took none."""
    hashes = record.get("parents_sha256") or [record.get("parent_sha256")]
    known = ", ".join(sha[:12] for sha in hashes if sha)
    return f"# from {known}\n" if known else ""
