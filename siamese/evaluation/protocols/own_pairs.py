"""A list of pairs of one's own: pairs.csv in, pair_scores.csv out."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from siamese.errors import InputError
from siamese.evaluation import metrics, verification
from siamese.evaluation.bench import Bench, PhotoSet, embed_photos, pair_scores
from siamese.evaluation.verification import Pair

PAIR_LIST, PAIR_SCORES = "pairs.csv", "pair_scores.csv"
_SAME = {"0": False, "1": True}  # nothing else: some lists write impostors as -1 or 2


def run(bench: Bench) -> dict[str, Any]:
    """A list of one's own: pairs.csv (photo_a, photo_b, same, [fold]) -> pair_scores.csv."""
    pairs = read_pair_list(bench.data / PAIR_LIST)
    names = tuple(sorted({name for pair in pairs for name in (pair.a, pair.b)}))
    missing = [name for name in names if not (bench.data / name).is_file()]
    if missing:
        raise InputError(f"{PAIR_LIST} names {len(missing)} missing photos, first '{missing[0]}'.")
    found = embed_photos(bench.checkpoint, PhotoSet(bench.data, names), bench.cache)
    scores = pair_scores(bench.compare, found, found, pairs)
    write_pair_scores(bench.out / PAIR_SCORES, pairs, scores)
    report = verification.verification_report(scores, pairs)
    report["failures"]["photos"] = found.failures()
    return report


def read_pair_list(path: Path) -> list[Pair]:
    """Pairs from a CSV with the columns photo_a, photo_b, same (0 or 1), and, if wanted, fold.

    Raises InputError, which names the first line that is not so.
    """
    pairs: list[Pair] = []
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                same = _SAME[(row["same"] or "").strip()]
                pairs.append(Pair(row["photo_a"], row["photo_b"], same, int(row.get("fold") or 0)))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"Line {len(pairs) + 2} of {path} is not a pair; it must be a CSV in UTF-8 with the"
            " columns photo_a, photo_b, same (0 or 1), and, if wanted, fold (a number)."
        ) from error
    return pairs


def write_pair_scores(path: Path, pairs: list[Pair], scores: np.ndarray) -> None:
    """One row a pair: photos, same, logit and probability (empty where a photo has no face)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("photo_a", "photo_b", "same", "logit", "probability"))
        for pair, score in zip(pairs, scores, strict=True):
            known = () if np.isnan(score) else (f"{score:.4f}", f"{metrics.sigmoid(score):.6f}")
            writer.writerow((pair.a, pair.b, int(pair.same), *(known or ("", ""))))
