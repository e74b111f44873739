"""Subcommands that make weights and measure them: align, train, average, calibrate, evaluate."""

import argparse
from pathlib import Path
from typing import Any

from siamese.commands.exit_codes import SAME
from siamese.commands.options import amount, command, count, count_or_none
from siamese.errors import InputError


def add(commands: Any) -> None:
    """Declare these subcommands."""

    def cached(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--cache",
            type=Path,
            help="where decoded pictures and faces are kept; default: ~/.cache/siamese",
        )

    parser = command(commands, align)
    parser.add_argument("source", type=Path, help="raw photos: IDENTITY/photo.jpg")
    parser.add_argument("out", type=Path, help="the training folder to write, with report.csv")

    parser = command(commands, train)
    parser.add_argument("folder", type=Path, nargs="?", metavar="OUT", help="the same as --out")
    parser.add_argument("--out", type=Path, help="the checkpoint folder to write; default: OUT")
    parser.add_argument(
        "--recipe", type=Path, help="run every stage in this file; --data is where its files are"
    )
    parser.add_argument(
        "--objective",
        choices=("distill", "verify"),
        default="verify",
        help="distill: learn a teacher's embeddings; verify: learn which pairs show one person",
    )
    sources: dict[str, Any] = {"type": Path, "nargs": "+", "metavar": "FOLDER_OR_ZIP"}
    parser.add_argument(
        "--data",
        required=True,
        help="people: IDENTITY/picture.webp; about 150 of them if they are also to calibrate",
        **sources,
    )
    parser.add_argument("--unlabelled", default=[], help="pictures without identities", **sources)
    parser.add_argument(
        "--teacher", type=Path, help="the reference network to learn from: .safetensors"
    )
    parser.add_argument(
        "--emphasis",
        nargs=2,
        action="append",
        default=[],
        metavar=("SOURCE", "FACTOR"),
        help="draw the people of this source this many times as often",
    )
    parser.add_argument(
        "--distillation", type=amount, default=1.0, help="weight of the teacher's part in the loss"
    )
    parser.add_argument("--init", type=Path, help="start from this checkpoint")
    parser.add_argument("--pictures", type=count, help="how many pictures to show in total")
    parser.add_argument("--batch-size", type=count, default=128, help="pictures per step")
    parser.add_argument(
        "--learning-rate", type=amount, default=2e-3, help="its highest value, after the warm-up"
    )
    parser.add_argument(
        "--weight-decay", type=amount, default=0.02, help="L2 penalty, if the backbone sets none"
    )
    parser.add_argument(
        "--seed", type=count_or_none, default=0, help="the seed for everything random"
    )
    parser.add_argument(
        "--backbone", help="the kind of network; default: that of --init, else compact"
    )
    parser.add_argument(
        "--image-size", type=count, help="side of a crop, px; default: that of --init, else 96"
    )
    parser.add_argument(
        "--embedding-size",
        type=count,
        help="numbers in an embedding; default: that of --init, else 512",
    )
    parser.add_argument(
        "--drawings",
        action="store_true",
        default=None,
        help="grey pictures, compared whole: no face detection, no photographic augmentation",
    )
    parser.add_argument(
        "--split",
        help="which pictures train: 'people' by a hash of the name, or 'alphabets' (Omniglot);"
        " default: that of --init, else people",
    )
    parser.add_argument(
        "--turns",
        action="store_true",
        help="also show pictures in quarter turns, as classes of their own",
    )
    parser.add_argument("--group", type=count, default=4, help="people in each group of a batch")
    parser.add_argument(
        "--kin", type=count_or_none, default=2, help="at most this many relatives among them"
    )
    parser.add_argument(
        "--per-person", type=count, default=4, help="pictures per person in a batch"
    )
    cached(parser)
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        help="cuda: pictures and both networks on the GPU; default: a GPU if there is one",
    )
    parser.add_argument(
        "--compile", action="store_true", help="compile the networks first: for long GPU stages"
    )

    parser = command(commands, average)
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument(
        "checkpoints", type=Path, nargs="+", metavar="checkpoint", help="folders of one chain"
    )
    parser.add_argument(
        "--shares",
        type=amount,
        nargs="+",
        default=[],
        help="the weight of each in the mean, in order; default: equal",
    )

    parser = command(commands, calibrate)
    parser.add_argument("checkpoint", type=Path, help="a trained checkpoint folder")
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument(
        "--data",
        required=True,
        help="the sources it was trained on, which set people aside for this, or another set of"
        " at least 10 people with two or more pictures each",
        **sources,
    )
    parser.add_argument(
        "--teacher", type=Path, help="the reference network: labels it contradicts are left out"
    )
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="embed pictures together with their mirror images; default: as the checkpoint does",
    )
    parser.add_argument("--license", help="licence of the weights, such as mit; default: unchanged")
    parser.add_argument(
        "--license-reason",
        default="",
        help="one sentence on why it has that licence; default: none",
    )
    parser.add_argument(
        "--unlabelled",
        default=[],
        help="strangers, some with an age in their names: the cohort that pairs are judged against",
        **sources,
    )
    parser.add_argument(
        "--bases",
        type=count,
        help="write the embedding in this many bases, so that |a - b| follows the cosine",
    )
    cached(parser)

    parser = command(commands, evaluate)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint folder")
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder of the test sets, or of your photos"
    )
    parser.add_argument(
        "--out", type=Path, help="the folder to write; default: a new one beside the data"
    )
    parser.add_argument(
        "--write-card",
        action="store_true",
        help="write the checkpoint's own card, metrics and plots, and the rates it answers with",
    )
    parser.add_argument(
        "--protocol", nargs="+", help="only these protocols; default: all whose files are present"
    )
    parser.add_argument(
        "--pairs",
        metavar="LIST_OR_COUNT",
        help="measure only these pairs: a CSV (photo_a, photo_b, same), a list in LFW's format, or"
        " 'all' or this many of each kind from DATA's folders of people; default: DATA's pairs.csv",
    )
    parser.add_argument("--seed", type=count_or_none, default=0, help="the seed for drawing pairs")
    cached(parser)


def align(options: argparse.Namespace) -> int:
    """Find, align and cut out the faces of raw photos, as a folder to train on."""
    from collections import Counter

    from siamese.data.align import align as run

    counts = Counter(found.outcome for found in run(options.source, options.out))
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return SAME


def train(options: argparse.Namespace) -> int:
    """Run one stage of training, or all stages of a recipe."""
    out = options.out or options.folder
    if out is None or (options.out and options.folder):
        raise InputError("Name the folder to write exactly once: --out FOLDER.")
    if options.recipe:
        return _recipe(options, out)
    if options.pictures is None:
        raise InputError("Give --pictures, the number of pictures to show in total.")
    from siamese.training.loop import Schedule
    from siamese.training.stage import StageOptions, Wanted
    from siamese.training.train import train as run

    said = vars(options) | {
        "data": tuple(options.data),
        "unlabelled": tuple(options.unlabelled),
        "emphasis": tuple((name, _factor(factor)) for name, factor in options.emphasis),
        "compiled": options.compile,
        "cache": _cache(options),
    }

    def chosen(kind: Any) -> Any:
        return kind(**{name: said[name] for name in kind.__slots__ if name in said})

    said |= {"schedule": chosen(Schedule), "wanted": chosen(Wanted)}
    stage = chosen(StageOptions)
    if run(stage, out):
        print(f"trained: {out}")
    return SAME


def _factor(word: str) -> float:
    """The factor of an --emphasis; InputError if it is not a valid one."""
    try:
        return amount(word)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"--emphasis: {error}.") from error


WITH_RECIPE = {"folder", "out", "recipe", "data", "cache", "device", "compile"}


def _recipe(options: argparse.Namespace, out: Path) -> int:
    from siamese.training.recipe import Workspace, make, read_recipe

    for name, value in vars(options).items():
        if name not in WITH_RECIPE and value != options.parser.get_default(name):
            raise InputError(f"The recipe decides --{name.replace('_', '-')}; leave it out.")
    (data, *others) = options.data
    if others:
        raise InputError("With --recipe, --data is one folder: the one with the files it names.")
    workspace = Workspace(data, _cache(options), options.device, options.compile)
    make(read_recipe(options.recipe), workspace, out)
    print(f"made: {out}")
    return SAME


def average(options: argparse.Namespace) -> int:
    """Average the weights of checkpoints that were trained from the same one."""
    from siamese.training.average import average as run

    run(options.checkpoints, options.out, options.shares)
    print(f"averaged, not yet calibrated: {options.out}")
    return SAME


def calibrate(options: argparse.Namespace) -> int:
    """Fit the probability and the operating points on calibration people."""
    from siamese.training.calibrate import calibrate as run

    run(
        options.checkpoint,
        tuple(options.data),
        options.teacher,
        options.out,
        _cache(options),
        license=options.license,
        license_reason=options.license_reason,
        mirrored=options.mirrored,
        unlabelled=tuple(options.unlabelled),
        bases=options.bases,
    )
    print(f"calibrated: {options.out}")
    return SAME


def evaluate(options: argparse.Namespace) -> int:
    """Measure a checkpoint: metrics, plots and a report, or with --write-card its model card."""
    from siamese.evaluation.evaluate import evaluate as run
    from siamese.evaluation.pair_lists import PairSource

    run(
        options.checkpoint,
        options.data,
        options.out,
        options.protocol,
        _cache(options),
        write_card=options.write_card,
        own_pairs=PairSource(options.pairs, options.seed) if options.pairs else None,
    )
    return SAME


def _cache(options: argparse.Namespace) -> Path:
    from siamese.data.pixels import CACHE

    return options.cache or CACHE
