"""Subcommands that answer: verify, pick, explain, group."""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siamese import writing
from siamese.commands.exit_codes import DIFFERENT, NONE, SAME, UNCERTAIN
from siamese.commands.options import (
    checkpoint_options,
    command,
    count,
    group_option,
    load_verifier,
    number,
    print_proposals,
    progress_bar,
)
from siamese.errors import InputError
from siamese.numbers import exact, factor, percent, rate

if TYPE_CHECKING:
    from siamese.answers import Explanation, PhotoFaces, Pick, Verification
    from siamese.calibration import OperatingPoint, Rate
    from siamese.support import Gallery


def add(commands: Any) -> None:
    """Declare these subcommands."""

    def common(parser: argparse.ArgumentParser) -> None:
        checkpoint_options(parser)
        parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
        parser.add_argument("--more-faces", action="store_true", help="look for small faces too")

    def pair(parser: argparse.ArgumentParser) -> None:
        for which in ("first", "second"):
            parser.add_argument(which, help=f"the {which} photo")
            parser.add_argument(
                f"--{which}-face",
                type=int,
                help=f"which face of the {which} photo, counted from 0; default: all are compared",
            )

    def judged(parser: argparse.ArgumentParser, prior: str) -> None:
        common(parser)
        parser.add_argument(
            "--operating-point",
            help="careful (1 %% false matches), very_careful (0.1 %%), balanced (both errors"
            " equally often), or a false match rate such as fmr=0.0005; default: careful",
        )
        parser.add_argument("--prior", type=number, default=0.5, help=prior)
        parser.add_argument(
            "--population",
            default="anybody",
            help="who else it could be: anybody, peers (people of the same sex, age group and"
            " origin), children or relatives, where the checkpoint has figures for them",
        )

    parser = command(commands, verify)
    pair(parser)
    judged(parser, "prior probability of 'same'")
    parser.add_argument(
        "--all-pairs", action="store_true", help="print the likelihood ratio of every pair of faces"
    )

    parser = command(commands, pick)
    parser.add_argument("query", help="a photo of the person to find")
    parser.add_argument("support", type=Path, help="a folder of photos, or a saved gallery")
    judged(parser, "prior probability of 'none of these'")
    parser.add_argument(
        "--query-face",
        type=int,
        help="which face of the query, counted from 0; default: the most prominent",
    )
    group_option(parser)
    parser.add_argument("--top", type=count, default=5, help="how many candidates to print")

    parser = command(commands, explain)
    pair(parser)
    parser.add_argument("--out", type=Path, help="the PNG file to draw the explanation in")
    common(parser)

    parser = command(commands, group)
    parser.add_argument("folder", type=Path, help="a folder of photos, with or without subfolders")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("groups.html"),
        help="the contact sheet to write, one HTML file",
    )
    parser.add_argument(
        "--false-joins",
        type=float,
        default=0.005,
        help="the expected share of joins that may wrongly put two people into one group",
    )
    parser.add_argument("--json", action="store_true", help="print the whole answer as JSON")
    checkpoint_options(parser)


def verify(options: argparse.Namespace) -> int:
    """Compare two photos."""
    verifier = load_verifier(options)
    answer = verifier.verify(
        options.first,
        options.second,
        operating_point=options.operating_point,
        prior=options.prior,
        population=options.population,
        first_face=options.first_face,
        second_face=options.second_face,
        more_faces=options.more_faces,
    )
    if options.json:
        _print_json(answer.to_dict())
    else:
        point = answer.operating_point
        said = f"{answer.decision.value}: {percent(answer.probability)}"
        who = "person" if verifier.config.detector == "mtcnn" else "thing"
        print(f"{said} that both show the same {who}")
        _print_evidence(answer)
        _print_search(answer)
        if options.all_pairs:
            _print_pairs(answer)
        print(f"prior {exact(answer.prior)}, operating point {point.name}: {_rates(point)}")
        _print_populations(answer)
        for name, other in answer.otherwise.items():
            said = f"{other.decision}, {percent(other.probability)}"
            print(f"if different people were {name}: {said}")
        _print_origin(answer)
        _print_warnings(answer.first, answer.second)
        for caution in answer.cautions:
            print(caution.message, file=sys.stderr)
    return {"same": SAME, "different": DIFFERENT, "uncertain": UNCERTAIN}[answer.decision.value]


def pick(options: argparse.Namespace) -> int:
    """Find the person in a photo among others."""
    support = _support(options.support)
    answer = load_verifier(options).pick(
        options.query,
        support,
        operating_point=options.operating_point,
        none_prior=options.prior,
        population=options.population,
        query_face=options.query_face,
        more_faces=options.more_faces,
        group=options.group,
    )
    if options.json:
        _print_json(answer.to_dict())
    else:
        if answer.undecided:
            best = answer.ranking[0]
            alike = best.decision.value == "same"
            why = "others are about as alike" if alike else "not alike enough at this setting"
            print(f"uncertain: perhaps {best.identity}, {why}")
        else:
            print(answer.identity if answer.identity is not None else "none of these")
        shown = [(c.probability, c.identity) for c in answer.ranking[: options.top]]
        for share, name in sorted([*shown, (answer.none_probability, "(none of these)")])[::-1]:
            print(f"{percent(share):>10}  {name}")
        _print_warned(answer)
        _print_each_face(answer)
        _print_populations(answer)
        _print_origin(answer)
        _print_warnings(answer.query)
        for photo in answer.unusable:
            print(f"left out: {photo.reason}", file=sys.stderr)
        for used in answer.doubtful:
            for warning in used.warnings:
                print(f"{used.photo}: {warning.message}", file=sys.stderr)
        print_proposals(answer.proposals)
    if answer.undecided:
        return UNCERTAIN
    return NONE if answer.identity is None else SAME


def _print_each_face(answer: "Pick") -> None:
    """Who else is in the photo."""
    for found in answer.each_face:
        said = f"none of these ({percent(found.none_probability)})"
        if found.identity is not None:
            said = f"{found.identity} ({percent(found.probability)})"
        elif found.probability > found.none_probability:
            said = f"perhaps {found.candidate} ({percent(found.probability)})"
        about = " (the answer is about this one)" if found.face == answer.query.chosen else ""
        print(f"face {found.face}{about}: {said}")


def explain(options: argparse.Namespace) -> int:
    """Show which parts of two faces speak for 'same', and which against."""
    import numpy as np

    from siamese.explain import draw

    _check_drawing(options)
    answer = load_verifier(options).explain(
        options.first,
        options.second,
        first_face=options.first_face,
        second_face=options.second_face,
        more_faces=options.more_faces,
    )
    if options.json:
        _print_json(answer.to_dict())
    else:
        for photo, grid in zip((answer.first, answer.second), answer.influences, strict=True):
            speaks_for, against = (
                factor(math.exp(min(max(effect, 0.0), 30.0)))
                for effect in (np.max(grid), -np.min(grid))
            )
            print(
                f"{photo.name}: the part that speaks most for 'same' multiplies its odds by"
                f" {speaks_for}, the one most against it divides them by {against}"
            )
        _print_origin(answer)
    if options.out:
        draw([answer.first.face.crop, answer.second.face.crop], answer.influences).save(options.out)
        print(f"drawn: {options.out}", file=sys.stderr)
    return SAME


def group(options: argparse.Namespace) -> int:
    """Sort a folder of photos by person into a contact sheet; the photos stay where they are."""
    from siamese.grouping import contact_sheet
    from siamese.grouping import group as run

    if options.out.suffix.lower() != ".html":
        raise InputError(f"{options.out} does not end in .html; the contact sheet is an HTML file.")
    if not options.out.absolute().parent.is_dir():
        raise InputError(f"There is no folder {options.out.parent} to write {options.out.name} to.")
    with progress_bar() as progress:
        answer = run(options.folder, load_verifier(options), options.false_joins, progress)
    writing.write(options.out, contact_sheet(answer, options.folder).encode())
    if options.json:
        _print_json(answer.to_dict())
    else:
        for found in answer.groups:
            print(f"{found.name}\t{len(found.photos)}\t{found.photos[0]}")
        said = rate(answer.expected_false_joins)
        print(f"joins expected to be false: {said}; drawn: {options.out}", file=sys.stderr)
    for photo in answer.unusable:
        print(f"left out: {photo.reason}", file=sys.stderr)
    return SAME


def _check_drawing(options: argparse.Namespace) -> None:
    """InputError if the drawing would not be a PNG file, or would replace a photo."""
    out = options.out
    if out is None:
        return
    if out.suffix.lower() != ".png":
        raise InputError(f"{out} does not end in .png; the drawing is a PNG file.")
    if out.resolve() in (Path(options.first).resolve(), Path(options.second).resolve()):
        raise InputError(f"{out} is one of the photos; please name another file.")


def _support(path: Path) -> "Path | Gallery":
    """The people to choose from: the folder itself, or a saved gallery."""
    from siamese.support import Gallery, is_gallery

    if path.is_dir():
        return path
    wanted = "please give a folder of photos, or a file saved by `gallery`."
    if not path.exists():
        raise InputError(f"{path} does not exist; {wanted}")
    if not is_gallery(path):
        raise InputError(f"{path} is not a gallery; {wanted}")
    return Gallery.load(path)


def _print_evidence(answer: "Verification") -> None:
    """The likelihood ratio, and the reason if the answer is uncertain."""
    from siamese.calibration import REASONS

    log10 = answer.log10_likelihood_ratio
    which = "same" if log10 > 0 else "different"
    support = f"{answer.support.value} support for '{which}'" if log10 else "supports neither"
    print(f"log10 of the likelihood ratio {log10:.2f}: {support}")
    for who, found in (
        ("impostor pairs at least", answer.different_people_as_similar),
        ("genuine pairs at most", answer.same_person_as_unlike),
    ):
        if found is not None:
            print(f"{who} this similar {rate(found.value)} ({found.errors:,} of {found.trials:,})")
    _print_warned(answer)
    if answer.reason is not None:
        print(REASONS[answer.reason])


def _print_warned(answer: "Verification | Pick") -> None:
    if answer.warned:
        print("judged as pairs with a photo that is warned of")


def _print_search(answer: "Verification") -> None:
    """Which pair of faces the answer is about, and what its number allows for."""
    count = answer.comparisons
    if count == 1:
        return
    a, b = (photo.chosen for photo in answer.photos)
    print(
        f"the most alike of {count} pairs of faces (--first-face {a} --second-face {b}); at most"
        f" one of them is the pair asked about, so its prior odds were divided by {count}"
    )
    if answer.false_match_rate is not None:
        said = rate(answer.false_match_rate)
        print(f"false matches among {count} pairs of different people {said}")


def _print_populations(answer: "Verification | Pick") -> None:
    """Who the different people were assumed to be, and the rates among other populations."""
    if answer.false_matches_among:
        others = ", ".join(
            f"{name} {rate(found.value)} ({found.errors:,} of {found.trials:,})"
            for name, found in answer.false_matches_among.items()
        )
        print(f"population {answer.population}; false matches at the same threshold among {others}")


def _print_pairs(answer: "Verification") -> None:
    """The likelihood ratio of each face of the first photo with each of the second."""
    print(
        "log10 of the likelihood ratio: a row for each face of the first photo, a column for each"
        " of the second"
    )
    for row in answer.all_pairs:
        print(" ".join(f"{log10:8.2f}" for log10 in row))


def _print_origin(answer: "Verification | Pick | Explanation") -> None:
    print(f"answered by {answer.origin.source}, weights {answer.origin.sha256}")


def _print_warnings(*photos: "PhotoFaces") -> None:
    for photo in photos:
        for warning in photo.warnings:
            print(f"{photo.name}: {warning.message}", file=sys.stderr)


def _rates(point: "OperatingPoint") -> str:
    def said(found: "Rate") -> str:
        if not found.trials:
            return "not measured"
        return f"{rate(found.value)} ({found.errors} of {found.trials:,})"

    return (
        f"false matches {said(point.fmr)}, false non-matches {said(point.fnmr)},"
        f" measured on {point.measured_on}"
    )


def _print_json(answer: Mapping[str, object]) -> None:
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    print(json.dumps(answer, indent=2, ensure_ascii=not unicode))
