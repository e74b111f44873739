"""What the subcommands share: how one is declared, types of options, which checkpoint answers."""

import argparse
import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siamese.answers import Proposals
    from siamese.verifier import Verifier

Command = Callable[[argparse.Namespace], int]
ADDRESS_SPACE = 4 * 2**30  # bytes; nine tenths are taken by torch and numpy, most of it never used


class Formatter(argparse.HelpFormatter):
    """Help that gives the default of each option that takes a value."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        takes_value = action.option_strings and action.nargs != 0 and not action.required
        if not takes_value or "default: " in text:
            return text
        return text + (
            "; default: none" if action.default in (None, []) else "; default: %(default)s"
        )


def command(commands: Any, run: Command, name: str | None = None) -> argparse.ArgumentParser:
    """Declare a subcommand, named after its function and described by its docstring."""
    text = (run.__doc__ or "").strip()
    parser: argparse.ArgumentParser = commands.add_parser(
        name or run.__name__, help=text, description=text, formatter_class=Formatter
    )
    parser.set_defaults(command=run, parser=parser)
    return parser


def count(word: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if not word.isdecimal() or int(word) < least:
        raise argparse.ArgumentTypeError(f"'{word}' is not a whole number of at least {least}")
    return int(word)


def count_or_none(word: str) -> int:
    """A whole number, zero included."""
    return count(word, least=0)


def number(word: str) -> float:
    """A finite number."""
    with contextlib.suppress(ValueError):
        if math.isfinite(found := float(word)):
            return found
    raise argparse.ArgumentTypeError(f"'{word}' is not a finite number")


def amount(word: str) -> float:
    """A finite number that is not negative."""
    if (found := number(word)) < 0:
        raise argparse.ArgumentTypeError(f"'{word}' is less than 0")
    return found


def checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which checkpoint a command answers with."""
    parser.add_argument(
        "--checkpoint",
        help="a folder, or owner/name@revision on the Hub; default: the environment variable"
        " SIAMESE_CHECKPOINT, else the embedded checkpoint",
    )
    parser.add_argument(
        "--refresh", action="store_true", help="ask the Hub again even if the cache has an answer"
    )


def group_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option that lets the network correct who is who."""
    parser.add_argument(
        "--group",
        action="store_true",
        help="join people the network takes for one person, and split those it takes for several",
    )


def print_proposals(proposals: "Proposals") -> None:
    """What `--group` would do, on stderr."""
    for people in proposals.merge:
        print(
            f"these seem to be one person, or close relatives: {', '.join(people)};"
            " --group joins them",
            file=sys.stderr,
        )
    for name, photos in proposals.part.items():
        print(f"{name} seems to be {len(photos)} people; --group splits them", file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, told how many photos are done of how many; none in a pipe."""
    from tqdm import tqdm

    with tqdm(unit="photo", disable=None) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def load_verifier(options: argparse.Namespace) -> "Verifier":
    """The verifier that `checkpoint_options` ask for; a note on it goes to stderr."""
    _check_address_space()
    import torch

    from siamese.pretrained import asked_for
    from siamese.verifier import Verifier

    # Threads that share a photo spin while they wait for each other, and starve on a busy machine.
    torch.set_num_threads(1)
    verifier = Verifier.from_pretrained(options.checkpoint or asked_for(), refresh=options.refresh)
    if verifier.note:
        print(verifier.note, file=sys.stderr)
    return verifier


def _check_address_space() -> None:
    """MemoryError where the system allows less than the libraries take when they are loaded.

    OpenBLAS would end the process itself, and with exit code 1, which says "different people".
    """
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= allowed < ADDRESS_SPACE:  # no limit is -1
            raise MemoryError
