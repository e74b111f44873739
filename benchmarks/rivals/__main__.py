"""Measure rivals and ourselves on LFW's pairs, each in an environment made for it.

    python -m benchmarks.rivals --data ../shared/faces

takes hours on one core for all 6,000 pairs; `--pairs 20` takes minutes. After a kill, the same
command resumes where it stopped. The table goes into docs/rivals.md.
"""

import argparse
import datetime
import json
import os
import sys
import zipfile
from pathlib import Path

from benchmarks.__main__ import _processor
from benchmarks.rivals import places, scoreboard
from siamese.evaluation.pair_lists import Pair, read_lfw_pairs

ROOT = places.ROOT
WORK = Path.home() / ".cache" / "siamese" / "rivals"


def main() -> int:
    """Run everything; 2 if the photos are missing, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = os.environ.get("SIAMESE_DATA", ROOT.parent / "shared" / "faces")
    parser.add_argument("--data", type=Path, default=Path(default), help="the folder of lfw.zip")
    parser.add_argument("--work", type=Path, default=WORK, help="environments, photos and scores")
    parser.add_argument("--pairs", type=int, help="only this many pairs, spread over all folds")
    parser.add_argument("--rivals", nargs="+", choices=places.RIVALS, default=[*places.RIVALS])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "rivals.md")
    options = parser.parse_args()
    archive = options.data / "lfw.zip"
    if not archive.is_file():
        print(f"error: {archive} does not exist; name its folder with --data.", file=sys.stderr)
        return 2
    pairs = chosen(read_lfw_pairs(options.data / "lfw_pairs.txt"), options.pairs)
    work = options.work / f"{len(pairs)} pairs"
    work.mkdir(parents=True, exist_ok=True)
    listing = laid_out(pairs, archive, work)
    rivals = {}
    for name in options.rivals:
        answers, apart = places.compare_all(name, listing, options.work)
        rivals[name] = scoreboard.figures(scoreboard.read(answers), pairs) | {
            "installed_mb": places.megabytes(name, options.work),
            "without_network": apart,
            "licence": places.RIVALS[name].licence,
        }
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    machine = {"date": today, "processor": _processor(), "pairs": len(pairs)}
    found = {"machine": machine, "rivals": rivals}
    (work / "results.json").write_text(json.dumps(found, indent=2))
    options.out.write_text(scoreboard.markdown(found), encoding="utf-8")
    print(f"written: {options.out}")
    return 0


def chosen(pairs: list[Pair], count: int | None) -> list[Pair]:
    """`count` pairs, spread evenly: as many genuine as impostor ones, from all folds."""
    step = max(1, len(pairs) // (count or len(pairs)))
    return pairs[::step][:count]


def laid_out(pairs: list[Pair], archive: Path, work: Path) -> Path:
    """Write the photos and the list of pairs; the path of the list."""
    lines = []
    with zipfile.ZipFile(archive) as photos:
        for pair in pairs:
            for name in (pair.a, pair.b):
                path = work / "photos" / name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(photos.read(name))
            lines.append(f"{work / 'photos' / pair.a}\t{work / 'photos' / pair.b}")
    listing = work / "pairs.tsv"
    listing.write_text("\n".join(lines) + "\n")
    return listing


if __name__ == "__main__":
    sys.exit(main())
