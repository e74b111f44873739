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
from pathlib import Path

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
    options = parser.parse_args()
    archive = options.data / "lfw.zip"
    if not archive.is_file():
        print(
            f"error: the benchmark makes its photos from {archive}, which does not"
            " exist; name its folder with --data.",
            file=sys.stderr,
        )
        return 2
    return run(archive, options.out, options.quick)


def run(archive: Path, out: Path, quick: bool) -> int:
    """Measure, write the results, and print the targets."""
    import torch

    from benchmarks import growth, report, speed, timing
    from siamese import Verifier

    torch.set_num_threads(1)
    verifier = Verifier.from_pretrained()
    timing.effort = 0.1 if quick else 1.0
    _say("making photos")
    made = speed.photos(archive, 10 if quick else speed.SUPPORT)
    _say("against facenet-pytorch")
    found: report.Results = speed.against_facenet(verifier, made)
    _say("stages")
    pairs = {"large": made.large, "small": made.originals}
    found["stages"] = {name: speed.stages(verifier, pair) for name, pair in pairs.items()}
    _say("growth")
    found["growth"] = growth.curves(verifier, made, archive)
    found["search"] = growth.gallery_search(verifier, made.originals[0])
    _say("start-up")
    found |= {"start": growth.start(), "app": growth.app()}
    found["machine"] = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "quick": quick,
        "support": len(made.medium) - 1,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
        "weights": verifier.origin.sha256,
        "gigamacs": speed.peak() / 1e9,
    }
    (out / "results.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (out / "results.md").write_text(report.markdown(found), encoding="utf-8")
    report.plot(found, out / "results.png")
    rows = report.targets(found)
    for what, wanted, measured, met in rows:
        print(f"{'met   ' if met else 'MISSED'}  {what}: {measured} ({wanted})")
    print(f"\nFor the README, which a test compares with it:\n\n{report.summary(found)}")
    return 0 if all(met for *_, met in rows) else 1


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
