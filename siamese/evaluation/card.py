"""The model card, README.md of a checkpoint's folder, from config.json and metrics.json alone.

All wording stands in `templates/`: faces.md and drawings.md are the two kinds of cards, details.md
is what that of faces has no room for (metrics.html), and no figure in them is typed. Here is what
goes into them, as plain values, and how numbers are written.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.evaluation import plots
from siamese.hub.card import front_matter, mirrored, result, with_front_matter

Report = Mapping[str, Any]

DETAILS = "metrics.html"
TEACHER = "reference_network.safetensors"
HEADLINES = ("lfw", "omniglot", "pairs")  # protocols with a line of their own in readme_figures.md

# What the files are that faces may be trained on and measured with. Of the photographs in them it
# is known what binds the weights, and of no others.
NOTES = {
    "train_fiw.zip": "Families in the Wild, the people of its training list (research use)",
    "train_celeba.zip": "CelebA by identity (non-commercial research)",
    "train_fiw_unlabelled.zip": "Families in the Wild, test pictures without identity",
    "train_unlabelled.zip": "UTKFace, SCUT-FBP5500, FFHQ and web portraits, without identity",
    "train_named.zip": "celebrities in ordinary photos, about 150 each (research use)",
    "train_poses.zip": "turned heads: CFP and pictures from laboratories (research use)",
    "train_ages.zip": "All-Age-Faces, without identity (research use)",
    "reference.npz": "embeddings of EdgeFace-XS (Idiap) for these pictures",
    TEACHER: "EdgeFace-XS (Idiap, CC BY-NC-SA 4.0), the teacher",
    "lfw.zip": "Labeled Faces in the Wild, deep-funneled: the photos of View 2, and up to 8 of"
    " everybody with 4 or more: test only",
    "lfw_pairs.txt": "the View 2 list of pairs: test only",
    "test_groups.zip": "UTKFace, one picture each, look-alikes removed: test only",
}


def subject_of(config: CheckpointConfig) -> str:
    """What a checkpoint compares: "drawings", which are grey, or "faces".

    Whole pictures in colour count as faces, cut out by somebody else's means.
    """
    return "drawings" if config.network.channels == 1 else "faces"


def render(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    """The whole card. `folder` is where the plots are looked for."""
    return page(f"{subject_of(checkpoint.config)}.md", **_values(checkpoint, metrics, folder))


def details(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    """What the card of faces has no room for, as a page of HTML to stand beside it."""
    text = page("details.md", **_values(checkpoint, metrics, folder))
    content = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return page("details.html", content=content, sha256=checkpoint.sha256)


def _values(checkpoint: Checkpoint, metrics: Report, folder: Path) -> dict[str, Any]:
    """All that a card is made of."""
    config, network = checkpoint.config, checkpoint.config.network
    records = (*config.training, config.calibration)
    sources = [_sources(record) for record in (*records, {"sources": metrics["data"]})]
    trained_on = {name for record in config.training for name in _sources(record)}
    return {
        "front_matter": _front_matter(config, metrics["protocols"], trained_on),
        "config": config,
        "network": network,
        "mirrored": lambda of: mirrored(network, of),
        "parameters": sum(value.numel() for value in checkpoint.network.parameters()),
        "sha256": checkpoint.sha256,
        "metrics": metrics,
        "found": metrics["protocols"],
        "trained_on": trained_on,
        "files": {name: sha256 for own in sources for name, sha256 in own.items()},
        "notes": NOTES,
        "plots": plots.files(folder),
        "stages": [_stage(record) for record in (*records, metrics) if "command" in record],
    }


def _sources(record: Report) -> dict[str, str]:
    """Names and hashes of the files that a stage took, the network that taught it among them."""
    teacher = record.get("teacher_sha256")
    return {**record.get("sources", {}), **({TEACHER: teacher} if teacher else {})}


def headline(chosen: Sequence[str], found: Report) -> str:
    """The chief figures of the protocols `chosen`, for a terminal; `found` is metrics.json's."""
    lines = [_quote(f"headline_{name}", found) for name in HEADLINES if name in chosen]
    return "\n".join(lines) or f"measured: {', '.join(chosen)}"


def summary(subject: str, found: Report) -> str:
    """The README's few figures: a table for faces, part of a sentence for drawings."""
    return _quote(f"summary_{subject}", found)


def page(template: str, **values: Any) -> str:
    """A template filled in; paragraphs are one empty line apart, however many it leaves."""
    lines = TEMPLATES.get_template(template).render(values).strip().split("\n")
    kept = [line for line, after in zip(lines, [*lines[1:], ""], strict=True) if line or after]
    return "\n".join(kept) + "\n"


def percent(share: float, digits: int = 2) -> str:
    """0.0312 -> "3.12 %"."""
    return f"{100 * share:.{digits}f} %"


def rate(data: Report) -> str:
    """A rate with its counts and its interval."""
    low, high = percent(data["low"]), percent(data["high"])
    return f"{percent(data['value'])} ({data['errors']:,} of {data['trials']:,}; {low} to {high})"


def accuracy(report: Report) -> str:
    """The mean accuracy over folds or runs with its standard error."""
    return f"{percent(report['accuracy'])} ± {percent(report['standard_error'])}"


TEMPLATES = Environment(
    loader=PackageLoader("siamese.evaluation"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=lambda name: name is not None and name.endswith(".html"),
)
TEMPLATES.filters |= {
    "percent": percent,
    "rate": rate,
    "accuracy": accuracy,
    "fixed": lambda value, digits: f"{value:.{digits}f}",
    "short": lambda value: f"{value:g}",
    "thousands": lambda value: f"{value:,.0f}",
}


def _quote(name: str, found: Report) -> str:
    return str(getattr(TEMPLATES.get_template("readme_figures.md").module, name)(found)).strip()


def _front_matter(config: CheckpointConfig, found: Report, trained_on: set[str]) -> str:
    """The card's head for the Hub."""
    if subject_of(config) == "faces":
        name, dataset = "siamese", {"name": "LFW View 2", "type": "lfw", "split": "test"}
        tags = ["siamese-network", "face-verification", "one-shot", "calibrated"]
        task, metrics = "Face verification", _face_metrics(found["lfw"]) if "lfw" in found else []
        license = "research-only" if trained_on & set(NOTES) else "see-below"
    else:
        name, task, license = "siamese-omniglot", "One-shot classification", "see-below"
        tags = ["siamese-network", "one-shot", "omniglot", "calibrated"]
        dataset = {"name": "Omniglot, official within-alphabet runs", "type": "omniglot"}
        metrics = _drawing_metrics(found["omniglot"]) if "omniglot" in found else []
    rounded = [(kind, round(value, 4), title) for kind, value, title in metrics]
    results = [result(task, dataset, rounded)] if rounded else []
    return with_front_matter(front_matter(config, name, tags, results, license), "")


def _face_metrics(lfw: Report) -> list[tuple[str, float, str]]:
    return [
        ("accuracy", lfw["accuracy"], "Accuracy, 10 folds"),
        ("roc_auc", lfw["auc"], "AUC"),
        ("tar_at_far_1", lfw["tar_at_far_1"]["value"], "TAR at FAR 1 %"),
        ("ece", lfw["calibration"]["ece"], "Expected calibration error"),
    ]


def _drawing_metrics(omniglot: Report) -> list[tuple[str, float, str]]:
    ece = omniglot["verification"]["calibration"]["ece"]
    return [
        ("accuracy", omniglot["one_shot"]["accuracy"], "20-way one-shot accuracy"),
        ("ece", ece, "Expected calibration error on pairs"),
    ]


def _stage(record: Report) -> dict[str, Any]:
    """A command, and the first digits of the hashes of the weights that it took."""
    hashes = record.get("parents_sha256") or [record.get("parent_sha256")]
    return {"command": record["command"], "parents": [sha[:12] for sha in hashes if sha]}
