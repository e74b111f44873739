"""Measure how fast the product is, and write results.md, results.json and results.png.

    python -m benchmarks --data ../shared/faces

takes about five minutes on an idle machine, one thread. The photos are made from lfw.zip, whose
people are real, so they are not part of the repository.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siamese import Verifier

# One thread for both sides, set before torch is imported; child processes inherit it.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

FOLDER = Path(__file__).parent


def main() -> int:
    """Run everything; 2 if the photos are missing, 1 if a target is missed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = os.environ.get("SIAMESE_DATA", FOLDER.parent.parent / "shared" / "faces")
    parser.add_argument("--data", type=Path, default=Path(default), help="the folder of lfw.zip")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the results go")
    parser.add_argument(
        "--quick", action="store_true", help="few runs and a small support set; a rough picture"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("facenet", "stages", "growth", "search", "onnx", "start"),
        default=[],
        help="measure these parts again, and keep the others as they are in --out",
    )
    options = parser.parse_args()
    archive = options.data / "lfw.zip"
    if not archive.is_file():
        print(
            f"error: the benchmark makes its photos from {archive}, which does not"
            " exist; name its folder with --data.",
            file=sys.stderr,
        )
        return 2
    return run(archive, options.out, options.quick, options.only)


def run(archive: Path, out: Path, quick: bool, only: Sequence[str] = ()) -> int:
    """Measure, write the results, and print the targets."""
    import torch

    from benchmarks import report, timing
    from siamese import Verifier

    torch.set_num_threads(1)
    verifier = Verifier.from_pretrained()
    timing.effort = 0.1 if quick else 1.0
    file = out / "results.json"
    found: report.Results = json.loads(file.read_text()) if only else {"later": {}}
    parts = _parts(verifier, archive, quick)
    for name in only or parts:
        _say(name)
        found |= parts[name]()
    if only:
        found["later"] |= dict.fromkeys(only, _machine(verifier, quick))
    else:
        found["machine"] = _machine(verifier, quick)
    file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (out / "results.md").write_text(report.markdown(found), encoding="utf-8")
    report.plot(found, out / "results.png")
    rows = report.targets(found)
    for what, wanted, measured, met in rows:
        print(f"{'met   ' if met else 'MISSED'}  {what}: {measured} ({wanted})")
    print(f"\nFor the README, which a test compares with it:\n\n{report.summary(found)}")
    return 0 if all(met for *_, met in rows) else 1


def _parts(
    verifier: "Verifier", archive: Path, quick: bool
) -> dict[str, Callable[[], dict[str, Any]]]:
    """What can be measured by itself, by name: each gives its part of the results."""
    from benchmarks import growth, speed

    made = cache(lambda: speed.photos(archive, 10 if quick else speed.SUPPORT))

    def stages() -> dict[str, Any]:
        pairs = {"large": made().large, "small": made().originals}
        return {"stages": {name: speed.stages(verifier, pair) for name, pair in pairs.items()}}

    return {
        "facenet": lambda: speed.against_facenet(verifier, made()),
        "stages": stages,
        "growth": lambda: {"growth": growth.curves(verifier, made(), archive)},
        "search": lambda: {
            "search": growth.galleries(verifier, speed.originals(archive, 10 if quick else 60))
        },
        "onnx": lambda: {"onnx": speed.exported(verifier)},
        "start": lambda: {"start": growth.start(), "app": growth.app()},
    }


def _machine(verifier: "Verifier", quick: bool) -> dict[str, Any]:
    """On what was measured, and when."""
    import torch

    from benchmarks import speed

    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "quick": quick,
        "support": 10 if quick else speed.SUPPORT,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
        "weights": verifier.origin.sha256,
        "gigamacs": speed.peak() / 1e9,
    }


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _processor() -> str:
    """The processor's name."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return name


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=FOLDER, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
