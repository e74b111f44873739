"""The model card as the Hub reads it: front matter on top of README.md, from what was measured.

Pure text, and the only place that knows what the Hub wants there. The text under it is written by
`python -m siamese evaluate`; nothing that is already there is changed.
"""

import re
from typing import Any

import yaml

from siamese.checkpoint import CheckpointConfig
from siamese.errors import InputError
from siamese.network import NetworkConfig

_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n?(.*)\Z", re.DOTALL)
_LINK = re.compile(r"""(?:\]\(|\b(?:src|href)=")([^)"\s#]+)""")  # of Markdown, of HTML


def split(card: str) -> tuple[dict[str, Any], str]:
    """Front matter as a mapping (empty where there is none) and the text under it.

    Raises InputError where the front matter is not a YAML mapping.
    """
    found = _FRONT_MATTER.match(card)
    if found is None:
        return {}, card
    try:
        header = yaml.safe_load(found[1]) or {}
    except yaml.YAMLError as error:
        raise InputError(f"The model card's front matter is not YAML: {error}.") from error
    if not isinstance(header, dict):
        raise InputError("The model card's front matter is not a mapping of names to values.")
    return header, found[2]


def complete(card: str, config: CheckpointConfig, repo: str) -> str:
    """The card with the front matter that the Hub shows; what a person wrote there stays."""
    header, text = split(card)
    wanted = metadata(config, repo)
    missing = {name: value for name, value in wanted.items() if name not in header}
    if not missing:
        return card
    return with_front_matter(header | missing, text)


def metadata(config: CheckpointConfig, repo: str) -> dict[str, Any]:
    """Front matter of a checkpoint whose figures are those in its config.json."""
    task = _task(config)
    tags = ["siamese-network", _slug(task), "one-shot", config.network.backbone]
    return front_matter(config, repo.partition("/")[2], tags, _results(config))


def front_matter(
    config: CheckpointConfig,
    name: str,
    tags: list[str],
    results: list[dict[str, Any]],
    other_license: str | None = None,
) -> dict[str, Any]:
    """What the Hub reads of a card: library, licence, task, tags and `results` (see `result`).

    `other_license` names a licence that config.json calls other; the card's Data section tells it.
    """
    header: dict[str, Any] = {"library_name": "siamese", "license": config.license}
    if other_license and config.license == "other":
        header |= {"license_name": other_license, "license_link": "README.md#data"}
    header |= {"pipeline_tag": "image-feature-extraction", "tags": tags}
    if results:
        header["model-index"] = [{"name": name, "results": results}]
    return header


def result(
    task: str, dataset: dict[str, str], metrics: list[tuple[str, float, str]]
) -> dict[str, Any]:
    """An entry of a `model-index`: metrics are (type, value, name) on one data set."""
    return {
        "task": {"type": "image-classification", "name": task},
        "dataset": dataset,
        "metrics": [{"type": kind, "value": value, "name": name} for kind, value, name in metrics],
    }


def with_front_matter(header: dict[str, Any], text: str) -> str:
    """A card: its front matter on top of its text."""
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n{text}"


def minimal(config: CheckpointConfig, repo: str) -> str:
    """A card for a checkpoint that has none: what it is, how to use it, what it lacks."""
    network = config.network
    calibrated = "calibrated" if config.decision else "**not calibrated**: no probabilities yet"
    twice = mirrored(network, "a picture")
    text = f"""
# {repo.partition("/")[2]}

A siamese network for verification: `{network.backbone}`, input {network.image_size} x
{network.image_size} x {network.channels}, embedding of {network.embedding_size} numbers{twice},
{calibrated}. Nobody has written more about it yet; nothing is known of its limits.

    from siamese import {"Verifier" if config.decision else "SiameseNetwork"}
    {"Verifier" if config.decision else "SiameseNetwork"}.from_pretrained("{repo}")

Licence of the weights: {config.license}. {config.license_reason}
"""
    return complete(text.rstrip() + "\n", config, repo)


def mirrored(network: NetworkConfig, of: str) -> str:
    """How an embedding is made, to be put after its size, where mirror images take part."""
    return f", the mean of {of}'s and of its mirror image's" * network.mirrored


def links(text: str) -> list[str]:
    """Relative paths of the files that a text links to, pictures among them."""
    return [path for path in _LINK.findall(text) if "://" not in path]


def _results(config: CheckpointConfig) -> list[dict[str, Any]]:
    """The measured error rates of each operating point, in the form of a `model-index`."""
    measured: dict[str, list[tuple[str, float, str]]] = {}
    for point in config.decision.operating_points if config.decision else ():
        for kind, rate in (("FMR", point.fmr), ("FNMR", point.fnmr)):
            if rate.trials:
                title = f"{kind} at {point.name} ({rate.errors} of {rate.trials})"
                metric = (kind.lower(), round(rate.value, 6), title)
                measured.setdefault(point.measured_on, []).append(metric)
    return [
        result(_task(config), {"name": name, "type": _slug(name)}, metrics)
        for name, metrics in measured.items()
    ]


def _task(config: CheckpointConfig) -> str:
    """What a checkpoint does; without a detector, its pictures may show anything."""
    return "Face verification" if config.detector == "mtcnn" else "Image verification"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"
