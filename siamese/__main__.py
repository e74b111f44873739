"""The command line: `python -m siamese COMMAND`.

Answers go to stdout, everything else to stderr. Exit codes, for scripts:

    0  same person, or somebody was picked; any other command: done
    1  different people
    2  an input that cannot be used, or a wrong command line
    3  uncertain
    4  none of these
   70  an error of this program's own
  130  stopped by Ctrl-C
  141  whoever read the answer went away, as `head` does: what a shell calls a broken pipe

What a command needs is imported when it runs, so that `verify` does not wait for the trainer.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from siamese.errors import InputError, SiameseError

SAME, DIFFERENT, INPUT_ERROR, UNCERTAIN, NONE = range(5)
OWN_ERROR = 70  # EX_SOFTWARE of sysexits.h; Python's own 1 would say "different people"
STOPPED, READER_GONE = 130, 141  # 128 and the number of the signal: SIGINT, SIGPIPE
Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one sentence on stderr."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:
        # Here, since `parse_args` would show the usage of the program instead of the command's.
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return _run(options)
    except BrokenPipeError:
        # Python writes what is left when it ends, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def _run(options: argparse.Namespace) -> int:
    command: Command = options.command
    try:
        code = command(options)
        print(end="", flush=True)  # while an error can still be told
        return code
    except BrokenPipeError:
        raise
    except SiameseError as error:
        print(f"error: {error}", file=sys.stderr)
        return INPUT_ERROR
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return INPUT_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except Exception:
        traceback.print_exc()
        return OWN_ERROR


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

    from siamese.gallery import check_target

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


def align(options: argparse.Namespace) -> int:
    """Find, align and cut out the faces of raw photos, as a folder to train on."""
    from collections import Counter

    from siamese.training.align import align as run

    counts = Counter(found.outcome for found in run(options.source, options.out))
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return SAME


def train(options: argparse.Namespace) -> int:
    """Run one stage of a recipe."""
    from siamese.training.loop import Schedule
    from siamese.training.parent import Wanted
    from siamese.training.stage import StageOptions
    from siamese.training.stage import train as run

    schedule = Schedule(
        pictures=options.pictures,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        seed=options.seed,
    )
    wanted = Wanted(
        options.backbone,
        options.image_size,
        options.embedding_size,
        options.drawings,
        options.split,
    )
    stage = StageOptions(
        objective=options.objective,
        data=tuple(options.data),
        schedule=schedule,
        unlabelled=tuple(options.unlabelled),
        targets=tuple(options.targets),
        teacher=options.teacher,
        emphasis=tuple((name, float(factor)) for name, factor in options.emphasis),
        distillation=options.distillation,
        init=options.init,
        wanted=wanted,
        turns=options.turns,
        group=options.group,
        kin=options.kin,
        per_person=options.per_person,
        cpu=options.cpu,
        cache=_cache(options),
    )
    if run(stage, options.out):
        print(f"trained: {options.out}")
    return SAME


def average(options: argparse.Namespace) -> int:
    """Average the weights of checkpoints that were trained on from the same one."""
    from siamese.training.average import average as run

    run(options.checkpoints, options.out, options.shares)
    print(f"averaged, to be calibrated: {options.out}")
    return SAME


def calibrate(options: argparse.Namespace) -> int:
    """Fit the probability and the operating points on calibration people."""
    from siamese.evaluation.calibrate import calibrate as run

    run(
        options.checkpoint,
        tuple(options.data),
        tuple(options.targets),
        options.out,
        _cache(options),
        license=options.license,
        license_reason=options.license_reason,
        mirrored=options.mirrored,
    )
    print(f"calibrated: {options.out}")
    return SAME


def evaluate(options: argparse.Namespace) -> int:
    """Measure a checkpoint and write its metrics, plots and model card."""
    from siamese.evaluation.report import evaluate as run

    run(options.checkpoint, options.data, options.out, options.protocol, _cache(options))
    return SAME


def publish(options: argparse.Namespace) -> int:
    """Upload a checkpoint to the Hugging Face Hub."""
    from siamese.publish import publish as run

    done = run(
        options.folder,
        options.repo,
        private=options.private,
        revision=options.revision,
        create_pr=options.create_pr,
        dry_run=options.dry_run,
    )
    _print_files(done)
    if done.commit is None:
        print(f"nothing was sent; it would go to {done.url}")
    elif done.commit.pull_request:
        print(f"proposed: {done.commit.pull_request}")
    else:
        print(f"published: {done.url}")
        print(f"use it as: --checkpoint {options.repo}@{done.commit.commit}")
    return SAME


def publish_space(options: argparse.Namespace) -> int:
    """Upload the app to a Hugging Face Space."""
    from siamese.publish import publish_space as run

    done = run(
        options.repo,
        checkpoint=options.checkpoint,
        private=options.private,
        dry_run=options.dry_run,
    )
    _print_files(done)
    print(done.url if done.commit else f"nothing was sent; it would go to {done.url}")
    return SAME


def convert(options: argparse.Namespace) -> int:
    """Turn a pickled PyTorch file that you trust into a checkpoint folder."""
    from siamese.convert import convert as run
    from siamese.network import NetworkConfig

    network = None
    if options.backbone:
        network = NetworkConfig(
            options.backbone, options.image_size, options.channels, options.embedding_size
        )
    print(f"converted: {options.out}, weights {run(options.source, options.out, network)}")
    return SAME


def _support(path: Path) -> Any:
    """The people to choose from: a folder as it is, or a saved gallery."""
    from siamese.gallery import Gallery, is_gallery

    if path.is_dir():
        return path
    wanted = "please give a folder of photos, or a file saved by `gallery`."
    if not path.exists():
        raise InputError(f"{path} does not exist; {wanted}")
    if not is_gallery(path):
        raise InputError(f"{path} is not a gallery; {wanted}")
    return Gallery.load(path)


def _verifier(options: argparse.Namespace) -> Any:
    from siamese.startup import asked_for
    from siamese.verifier import Verifier

    verifier = Verifier.from_pretrained(options.checkpoint or asked_for(), refresh=options.refresh)
    if verifier.note:
        print(verifier.note, file=sys.stderr)
    return verifier


def _cache(options: argparse.Namespace) -> Path:
    from siamese.training.stage import CACHE

    return options.cache or CACHE


def _print_origin(answer: Any) -> None:
    print(f"answered by {answer.origin.source}, weights {answer.origin.sha256}")


def _print_warnings(*photos: Any) -> None:
    for photo in photos:
        for warning in photo.warnings:
            print(f"{photo.name}: {warning.message}", file=sys.stderr)


def _print_files(published: Any) -> None:
    for name, size in published.sizes.items():
        print(f"{size:12,}  {name}", file=sys.stderr)
    print(f"{published.total_bytes:12,}  bytes", file=sys.stderr)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siamese", description="Siamese face verification.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_answers(commands)
    _add_training(commands)
    _add_publishing(commands)
    return parser


def _command(commands: Any, run: Command, name: str | None = None) -> argparse.ArgumentParser:
    """A sub-command named and described after its function."""
    text = (run.__doc__ or "").strip()
    parser: argparse.ArgumentParser = commands.add_parser(
        name or run.__name__, help=text, description=text
    )
    parser.set_defaults(command=run, parser=parser)
    return parser


def _add_answers(commands: Any) -> None:
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

    parser = _command(commands, verify)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    judged(parser, "how probable 'same' was beforehand (default 0.5)")
    parser.add_argument("--first-face", type=int, help="which face of the first photo, from 0")
    parser.add_argument("--second-face", type=int, help="which face of the second photo, from 0")

    parser = _command(commands, pick)
    parser.add_argument("query", type=Path)
    parser.add_argument("support", type=Path, help="a folder of photos, or a saved gallery")
    judged(parser, "how probable 'none of these' was beforehand (default 0.5)")
    parser.add_argument("--query-face", type=int, help="which face of the query, from 0")
    parser.add_argument("--top", type=_count, default=5, help="how many candidates to print")

    parser = _command(commands, gallery)
    parser.add_argument("support", type=Path, help="a folder: FILE or IDENTITY/FILE")
    parser.add_argument("out", type=Path, help="the gallery file to write")
    shared(parser)


def _count(word: str, least: int = 1) -> int:
    """A number that counts something, of which there is at least one."""
    if not word.isdecimal() or int(word) < least:
        raise argparse.ArgumentTypeError(f"'{word}' is not a whole number of at least {least}")
    return int(word)


def _count_or_none(word: str) -> int:
    """A number that counts something, of which there may be none."""
    return _count(word, least=0)


def _add_training(commands: Any) -> None:
    def cached(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--cache",
            type=Path,
            help="where decoded pictures and faces are kept; default: ~/.cache/siamese",
        )

    parser = _command(commands, align)
    parser.add_argument("source", type=Path, help="raw photos: IDENTITY/photo.jpg")
    parser.add_argument("out", type=Path, help="the training folder to write, with report.csv")

    parser = _command(commands, train)
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--objective", choices=("distill", "verify"), default="verify")
    sources: dict[str, Any] = {"type": Path, "nargs": "+", "metavar": "FOLDER_OR_ZIP"}
    parser.add_argument("--data", required=True, help="people: IDENTITY/picture.webp", **sources)
    parser.add_argument(
        "--unlabelled", default=[], help="pictures of nobody in particular", **sources
    )
    parser.add_argument("--targets", type=Path, nargs="+", default=[], metavar="NPZ")
    parser.add_argument("--teacher", type=Path, help="the network that made the targets")
    parser.add_argument("--emphasis", nargs=2, action="append", default=[], metavar=("ZIP", "N"))
    parser.add_argument("--distillation", type=float, default=1.0)
    parser.add_argument("--init", type=Path, help="start from this checkpoint")
    parser.add_argument("--pictures", type=_count, required=True, help="how many to show in total")
    parser.add_argument("--batch-size", type=_count, default=128)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--seed", type=_count_or_none, default=0)
    parser.add_argument("--backbone", help="default: that of --init, else compact")
    parser.add_argument("--image-size", type=_count, help="px; default: that of --init, else 96")
    parser.add_argument("--embedding-size", type=_count, help="default: that of --init, else 512")
    parser.add_argument(
        "--drawings",
        action="store_true",
        default=None,
        help="grey pictures, compared whole and as they are: no faces to find, no photos to spoil",
    )
    parser.add_argument(
        "--split",
        help="which pictures train: 'people' by a hash of the name, or 'alphabets' (Omniglot);"
        " default: that of --init, else people",
    )
    parser.add_argument(
        "--turns", action="store_true", help="pictures turned by quarters, as further classes"
    )
    parser.add_argument("--group", type=_count, default=4, help="people who meet in a batch")
    parser.add_argument(
        "--kin", type=_count_or_none, default=2, help="relatives among them, at most"
    )
    parser.add_argument("--per-person", type=_count, default=4, help="pictures of each in a batch")
    cached(parser)
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU")

    parser = _command(commands, average)
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="checkpoint")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[], help="of each, in order; by default equal"
    )

    parser = _command(commands, calibrate)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--data", required=True, help="the sources it was trained on", **sources)
    parser.add_argument("--targets", type=Path, nargs="+", default=[], metavar="NPZ")
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="embed pictures together with their mirror images; by default as before",
    )
    parser.add_argument("--license", help="of the weights, e.g. mit; by default as before")
    parser.add_argument("--license-reason", default="", help="one sentence why")
    cached(parser)

    parser = _command(commands, evaluate)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint folder")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the test sets")
    parser.add_argument("--out", type=Path, help="default: the checkpoint's folder")
    parser.add_argument("--protocol", nargs="+", help="some protocols only")
    cached(parser)


def _add_publishing(commands: Any) -> None:
    def shared(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--private", action="store_true", help="create it for your eyes only")
        parser.add_argument("--dry-run", action="store_true", help="check and list, send nothing")

    parser = _command(commands, publish)
    parser.add_argument("folder", type=Path, help="a calibrated checkpoint")
    parser.add_argument("repo", help="owner/name; created if needed")
    parser.add_argument("--revision", help="a branch; created if needed")
    parser.add_argument("--create-pr", action="store_true", help="propose it to its owner instead")
    shared(parser)

    parser = _command(commands, publish_space, "publish-space")
    parser.add_argument("repo", help="owner/name; created if needed")
    parser.add_argument("--checkpoint", help="owner/name@revision that it is to answer with")
    shared(parser)

    parser = _command(commands, convert)
    parser.add_argument("source", type=Path, help="the pickle, or a folder with one")
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--backbone", help="default: what the config.json beside the pickle says")
    parser.add_argument("--image-size", type=_count, default=96)
    parser.add_argument("--channels", type=_count, default=3)
    parser.add_argument("--embedding-size", type=_count, default=512)


if __name__ == "__main__":
    sys.exit(main())
