"""Measure rivals and ourselves on LFW's pairs, each in an environment made for it.

    python -m benchmarks.rivals --data ../shared/faces

takes an hour and a half on one idle core for all 6,000 pairs; `--pairs 20` takes minutes. Rivals
answer about one pair after the other in turns, so that what else the machine does slows all of them
alike. After a kill, the same command goes on where it stopped; `--answered` writes the table of
those folds that have been answered so far. The table goes into docs/rivals.md.
"""

import argparse
import datetime
import json
import os
import sys
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.__main__ import _processor
from benchmarks.rivals import places, scoreboard
from siamese.evaluation.pair_lists import Pair, read_lfw_pairs

ROOT = places.ROOT
WORK = Path.home() / ".cache" / "siamese" / "rivals"
TIMED = 60  # pairs of a rival without weights


def main() -> int:
    """Run everything; 2 if the photos are missing, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = os.environ.get("SIAMESE_DATA", ROOT.parent / "shared" / "faces")
    parser.add_argument("--data", type=Path, default=Path(default), help="the folder of lfw.zip")
    parser.add_argument("--work", type=Path, default=WORK, help="environments, photos and answers")
    parser.add_argument("--pairs", type=int, help="only this many pairs, spread over all folds")
    parser.add_argument("--rivals", nargs="+", choices=places.RIVALS, default=[*places.RIVALS])
    parser.add_argument("--answered", action="store_true", help="ask nothing, write the table")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "rivals.md")
    options = parser.parse_args()
    archive = options.data / "lfw.zip"
    if not archive.is_file():
        print(f"error: {archive} does not exist; name its folder with --data.", file=sys.stderr)
        return 2
    pairs = chosen(read_lfw_pairs(options.data / "lfw_pairs.txt"), options.pairs)
    if not options.answered:
        ask_all(options.rivals, pairs, archive, options.work)
    found = results(options.rivals, pairs, options.work)
    (options.work / "results.json").write_text(json.dumps(found, indent=2))
    options.out.write_text(scoreboard.markdown(found), encoding="utf-8")
    print(f"written: {options.out}")
    return 0


def chosen(pairs: list[Pair], count: int | None) -> list[Pair]:
    """`count` pairs, spread evenly: as many genuine as impostor ones, from all folds."""
    step = max(1, len(pairs) // (count or len(pairs)))
    return pairs[::step][:count]


def ask_all(names: Sequence[str], pairs: Sequence[Pair], archive: Path, work: Path) -> None:
    """Ask each rival about each pair that it has not answered yet, in turns."""
    with ExitStack() as stack:
        photos = stack.enter_context(zipfile.ZipFile(archive))
        rivals = {name: stack.enter_context(places.running(name, work)) for name in names}
        known = {name: scoreboard.read(places.answers(name, work)) for name in names}
        files = {name: stack.enter_context(places.answers(name, work).open("a")) for name in names}
        for number, pair in enumerate(pairs, 1):
            for name, rival in rivals.items():
                enough = not places.RIVALS[name].weights and len(known[name]) >= TIMED
                if enough or (pair.a, pair.b) in known[name]:
                    continue
                found = rival.ask(*(extracted(one, photos, work) for one in (pair.a, pair.b)))
                known[name][pair.a, pair.b] = found
                line = {"pair": [pair.a, pair.b], "beside": names, **found}
                print(json.dumps(line), file=files[name], flush=True)
            if not number % 100:
                print(f"{number} of {len(pairs)} pairs", file=sys.stderr, flush=True)


def extracted(name: str, photos: zipfile.ZipFile, work: Path) -> Path:
    """The path of a photo of the archive, as a file of its own."""
    path = work / "photos" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photos.read(name))
    return path


def results(names: Sequence[str], pairs: Sequence[Pair], work: Path) -> dict[str, Any]:
    """What the answers are worth, and on which machine."""
    apart, rivals = bool(places.without_network()), {}
    for name in names:
        rival = places.RIVALS[name]
        answers = scoreboard.read(places.answers(name, work))
        rivals[name] = scoreboard.figures(answers, pairs, names, rival.weights) | {
            "installed_mb": places.megabytes(name, work),
            "without_network": apart,
            "licence": rival.licence,
        }
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"machine": {"date": today, "processor": _processor()}, "rivals": rivals}


if __name__ == "__main__":
    sys.exit(main())
