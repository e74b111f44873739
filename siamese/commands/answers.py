"""Subcommands that answer: verify, pick, gallery."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from siamese.commands.options import DIFFERENT, NONE, SAME, UNCERTAIN, command, count
from siamese.errors import InputError


def add(commands: Any) -> None:
    """Declare these subcommands."""

    def shared(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoint",
            help="a folder, or owner/name@revision on the Hub; default: the environment variable"
            " SIAMESE_CHECKPOINT, else the embedded checkpoint",
        )
        parser.add_argument(
            "--refresh", action="store_true", help="ask the Hub even for what is in the cache"
        )

    def judged(parser: argparse.ArgumentParser, prior: str) -> None:
        shared(parser)
        parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
        parser.add_argument("--operating-point", help="balanced (default), fmr_1 or fmr_0_1")
        parser.add_argument("--prior", type=float, default=0.5, help=prior)
        parser.add_argument("--more-faces", action="store_true", help="look for small faces too")

    parser = command(commands, verify)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    judged(parser, "how probable 'same' was beforehand (default 0.5)")
    parser.add_argument("--first-face", type=int, help="which face of the first photo, from 0")
    parser.add_argument("--second-face", type=int, help="which face of the second photo, from 0")

    parser = command(commands, pick)
    parser.add_argument("query", type=Path)
    parser.add_argument("support", type=Path, help="a folder of photos, or a saved gallery")
    judged(parser, "how probable 'none of these' was beforehand (default 0.5)")
    parser.add_argument("--query-face", type=int, help="which face of the query, from 0")
    parser.add_argument("--top", type=count, default=5, help="how many candidates to print")

    parser = command(commands, gallery)
    parser.add_argument("support", type=Path, help="a folder: FILE or IDENTITY/FILE")
    parser.add_argument("out", type=Path, help="the gallery file to write")
    shared(parser)


def verify(options: argparse.Namespace) -> int:
    """Compare two photos."""
    verifier = _verifier(options)
    answer = verifier.verify(
        options.first,
        options.second,
        operating_point=options.operating_point,
        prior=options.prior,
        first_face=options.first_face,
        second_face=options.second_face,
        more_faces=options.more_faces,
    )
    if options.json:
        _print_json(answer.to_dict())
    else:
        point = answer.operating_point
        said = f"{answer.decision.value}: {_percent(answer.probability)}"
        who = "person" if verifier.config.detector == "mtcnn" else "thing"
        print(f"{said} that both show the same {who}")
        print(f"prior {answer.prior:g}, operating point {point.name}: {_rates(point)}")
        _print_origin(answer)
        _print_warnings(answer.first, answer.second)
    return {"same": SAME, "different": DIFFERENT, "uncertain": UNCERTAIN}[answer.decision.value]


def pick(options: argparse.Namespace) -> int:
    """Find the person of a photo among others."""
    support = _support(options.support)
    answer = _verifier(options).pick(
        options.query,
        support,
        operating_point=options.operating_point,
        none_prior=options.prior,
        query_face=options.query_face,
        more_faces=options.more_faces,
    )
    if options.json:
        _print_json(answer.to_dict())
    else:
        print(answer.identity if answer.identity is not None else "none of these")
        shown = [(c.probability, c.identity) for c in answer.ranking[: options.top]]
        for share, name in sorted([*shown, (answer.none_probability, "(none of these)")])[::-1]:
            print(f"{_percent(share):>10}  {name}")
        _print_origin(answer)
        _print_warnings(answer.query)
        for photo in answer.unusable:
            print(f"left out: {photo.reason}", file=sys.stderr)
    return NONE if answer.identity is None else SAME


def gallery(options: argparse.Namespace) -> int:
    """Embed a support set once and save it."""
    from tqdm import tqdm

    from siamese.support import check_target

    check_target(options.out)  # now, since embedding may take hours
    with tqdm(unit="photo", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found, unusable = _verifier(options).gallery(options.support, progress)
    found.save(options.out)
    for photo in unusable:
        print(f"left out: {photo.reason}", file=sys.stderr)
    print(f"people in {options.out}: {len(found)}")
    return SAME


def _support(path: Path) -> Any:
    """The people to choose from: a folder as it is, or a saved gallery."""
    from siamese.support import Gallery, is_gallery

    if path.is_dir():
        return path
    wanted = "please give a folder of photos, or a file saved by `gallery`."
    if not path.exists():
        raise InputError(f"{path} does not exist; {wanted}")
    if not is_gallery(path):
        raise InputError(f"{path} is not a gallery; {wanted}")
    return Gallery.load(path)


def _verifier(options: argparse.Namespace) -> Any:
    import torch

    from siamese.pretrained import asked_for
    from siamese.verifier import Verifier

    # Threads that share a photo spin while they wait for each other, and starve on a busy machine.
    torch.set_num_threads(1)
    verifier = Verifier.from_pretrained(options.checkpoint or asked_for(), refresh=options.refresh)
    if verifier.note:
        print(verifier.note, file=sys.stderr)
    return verifier


def _print_origin(answer: Any) -> None:
    print(f"answered by {answer.origin.source}, weights {answer.origin.sha256}")


def _print_warnings(*photos: Any) -> None:
    for photo in photos:
        for warning in photo.warnings:
            print(f"{photo.name}: {warning.message}", file=sys.stderr)


def _percent(share: float) -> str:
    """A probability in per cent; none is called certain."""
    if share > 0.999:
        return "over 99.9%"
    return "under 0.1%" if share < 0.001 else f"{share:.1%}"


def _rates(point: Any) -> str:
    def said(rate: Any) -> str:
        return f"{rate.value:.2%} ({rate.errors} of {rate.trials:,})"

    return (
        f"false matches {said(point.fmr)}, false non-matches {said(point.fnmr)},"
        f" measured on {point.measured_on}"
    )


def _print_json(answer: dict[str, Any]) -> None:
    print(json.dumps(answer, indent=2, ensure_ascii=False))
