"""What was measured, as a table, a plot, and the sentences that the README quotes."""

from pathlib import Path
from typing import Any

Results = dict[str, Any]

BUSY = 1.15  # wall-clock over processor time, from which the machine was not idle
STAGES = {
    "at": "decode and reduce the photos",
    "_propose": "find: pyramid and first network",
    "_refine": "find: second network",
    "_output": "find: third network",
    "_embed_crops": "embed two faces",
    "rest": "everything else (crops, comparison, answer)",
}


def targets(found: Results) -> list[tuple[str, str, str, bool]]:
    """Each target: what it is, what is wanted, what was measured, and whether it is met."""
    pairs, faces, search = found["pairs"], found["faces"], found["search"]
    rows = []

    def faster(what: str, name: str, wanted: float) -> None:
        ratio = pairs[name]["ratio"]
        rows.append((what, f"≥ {wanted:g} times faster", f"{ratio:.1f} times", ratio >= wanted))

    faster("verify two photos of 12 megapixels", "large", 10)
    faster("verify two photos of 250 px", "small", 2.5)
    faster("embed a face", "embedding", 5)
    support = found["machine"]["support"]
    faster(f"pick 1 of {support} photos of 1 megapixel", "pick", 6)
    faster("small faces beside large ones in 12 megapixels (`more_faces`)", "more_faces", 10)
    for name, what in (("default", "in these photos"), ("more_faces", "with `more_faces`")):
        count = faces[name]
        rows.append((
            f"sure faces of ≥ 40 px that facenet-pytorch finds {what}",
            "all found here",
            f"{count['theirs'] - count['missed']} of {count['theirs']}",
            count["missed"] == 0,
        ))  # fmt: skip
    embed = pairs["embedding"]["ours_cpu"]
    rows.append(("one face embedded on one core", "≤ 12 ms", f"{embed:.1f} ms", embed <= 12))
    people = f"{search['people']:,} people"
    said = f"{search['ms']:.0f} ms ({search['first']:.0f} ms the first time)"
    rows.append((f"{people} searched", "< 30 ms", said, search["ms"] < 30))
    rows.append((f"{people} opened", "< 1 s", f"{search['open']:.0f} ms", search["open"] < 1000))
    rate = 2 * 1000 / search["embed"]
    what = "photos of 250 px embedded on two cores, by a process each, once both have started"
    rows.append((what, "≥ 40 a second", f"{rate:.0f} a second", rate >= 40))
    ratio = found["start"]["ratio"]
    rows.append((
        "`python -m siamese verify`", "≤ 3 times `import torch`", f"{ratio:.2f} times", ratio <= 3
    ))  # fmt: skip
    first = found["app"]["first_answer"]
    rows.append(("the app's first answer after start-up", "≤ 2 s", f"{first:.1f} s", first <= 2))
    return rows


def summary(found: Results) -> str:
    """The sentences of the README."""
    pairs, search = found["pairs"], found["search"]
    machine = found["later"].get("facenet", found["machine"])
    large, small, pick, embed = (
        f"{pairs[name]['ratio']:.1f}" for name in ("large", "small", "pick", "embedding")
    )
    return (
        f"Against facenet-pytorch's own pipeline (one thread, {machine['processor']},"
        f" {machine['date']}) two photos\nof 12 megapixels are compared {large} times faster, two"
        f" of 250 px {small} times; one of {machine['support']} is picked\n{pick} times,"
        f" a face embedded {embed}"
        f" times faster; {search['people']:,} embedded people are searched in"
        f" {search['ms']:.0f} ms."
    )


def markdown(found: Results) -> str:
    """The whole report."""
    machine, start, app = found["machine"], found["start"], found["app"]
    lines = [
        "# How fast it is",
        "",
        "Written by `python -m benchmarks`; do not edit. Measured on"
        f" {machine['date']} on {machine['processor']}, {machine['threads']} thread, Python"
        f" {machine['python']}, torch {machine['torch']}, commit {machine['commit']}.",
        "",
        "Ratios and milliseconds are processor time of one process unless said otherwise, medians"
        " of runs that take turns. " + _idle(found),
        *_later(found),
        "",
        "| | wanted | measured | |",
        "| --- | --- | --- | --- |",
        *(
            f"| {what} | {wanted} | {measured} | {'met' if met else '**missed**'} |"
            for what, wanted, measured, met in targets(found)
        ),
        "",
        "facenet-pytorch runs as its README teaches it: `MTCNN()` on the full picture, then"
        " `InceptionResnetV1` with random weights (its time counts, its answer does not). Both look"
        " for faces from 20 px, ours in a picture reduced to a short side of 640 px: in 12"
        " megapixels that is 94 px, and smaller faces beside large ones are found with"
        " `more_faces` only.",
        "",
        "| | ours, ms | facenet-pytorch, ms | ratio | ratio by wall clock | runs |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, pair in found["pairs"].items():
        lines.append(
            f"| {name} | {pair['ours_cpu']:.1f} | {pair['theirs_cpu']:.1f} | {pair['ratio']:.1f} |"
            f" {pair['ratio_wall']:.1f} | {pair['ours_runs']} and {pair['theirs_runs']} |"
        )
    lines += [
        "",
        "## Where the time is left",
        "",
        "One `verify`. The floor of decoding is libjpeg-turbo's own time for the sizes asked for;"
        " that of a network its multiply-adds at the rate of a large matrix product on this core"
        f" ({machine['gigamacs']:.0f} billion a second).",
    ]
    for name, title in (("large", "two of 12 megapixels"), ("small", "two of 250 px")):
        lines += ["", f"| {title} | ms | floor, ms |", "| --- | --- | --- |"]
        table = found["stages"][name]
        for stage, words in STAGES.items():
            floor = table[stage]["floor"]
            lines.append(
                f"| {words} | {table[stage]['ms']:.1f} | {f'{floor:.1f}' if floor else ''} |"
            )
        lines.append(f"| all | {table['all']['ms']:.1f} | |")
    lines += [
        "",
        "## The ONNX export",
        "",
        "Crops to embeddings and the logits of all pairs, by one thread: torch in this package, and"
        " the file that `siamese export` writes in onnxruntime.",
        "",
        "| crops | torch, ms | onnxruntime, ms | ratio |",
        "| --- | --- | --- | --- |",
        *(
            f"| {count} | {pair['ours_cpu']:.1f} | {pair['theirs_cpu']:.1f} | {pair['ratio']:.2f} |"
            for count, pair in found["onnx"].items()
        ),
        "",
        "## Start",
        "",
        f"`import torch` {start['torch']:.0f} ms, `python -m siamese verify` of two photos"
        f" {start['verify']:.0f} ms. The page answers {app['start']:.1f} s after it was started,"
        f" and its first answer comes {app['first_answer']:.1f} s later (wall clock).",
        "",
        "## Growth",
        "",
        "![Four curves](results.png)",
        "",
        *_growth(found),
    ]
    return "\n".join(lines) + "\n"


def plot(found: Results, path: Path) -> None:
    """The four growth curves."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    curves = found["growth"] | {"visitors": found["app"]["visitors"]}
    titles = {
        "pixels": "one photo with one face: megapixels",
        "faces": "a photo of 1.2 megapixels: faces embedded",
        "support": "support set: photos of 250 px",
        "visitors": "simultaneous visitors, each verifying (wall clock)",
    }
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained")
    for axis, (name, title) in zip(axes.flat, titles.items(), strict=True):
        amounts, times = zip(*curves[name], strict=True)
        axis.plot(amounts, times, "o-", color="#0f766e")
        axis.set(xlabel=title, ylabel="ms", ylim=(0, None), xlim=(0, None))
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _growth(found: Results) -> list[str]:
    curves = found["growth"] | {"visitors": found["app"]["visitors"]}
    lines = []
    for name, unit in (
        ("pixels", "megapixels"), ("faces", "faces"), ("support", "support photos"),
        ("visitors", "visitors"),
    ):  # fmt: skip
        said = ", ".join(f"{amount:g}: {time:.0f}" for amount, time in curves[name])
        (first, low), (last, high) = curves[name][0], curves[name][-1]
        each = (high - low) / (last - first)
        lines.append(f"- {unit}, ms: {said}; {each:.1f} ms for each more on average.")
    return lines


def _later(found: Results) -> list[str]:
    """Which parts were measured again, when, and by which code and weights."""
    return [
        f"The part '{name}' was measured again on {machine['date']}, commit {machine['commit']},"
        f" weights `{machine['weights'][:12]}`."
        for name, machine in sorted(found["later"].items())
    ]


def _idle(found: Results) -> str:
    busy = max(
        pair[f"{who}_wall"] / pair[f"{who}_cpu"]
        for pair in found["pairs"].values()
        for who in ("ours", "theirs")
    )
    quick = "A quick run: few repetitions. " if found["machine"]["quick"] else ""
    if busy <= BUSY:
        return quick + "The machine was idle: wall-clock and processor time agree."
    return quick + (
        f"**The machine was busy** (up to {busy:.1f} s by the clock for a second of work), so"
        " wall-clock times are too long, and ratios by wall clock are not to be relied on."
    )
