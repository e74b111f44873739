"""What the subcommands share: exit codes, how one is declared, numbers on the command line."""

import argparse
from collections.abc import Callable
from typing import Any

SAME, DIFFERENT, INPUT_ERROR, UNCERTAIN, NONE = range(5)
OWN_ERROR = 70  # EX_SOFTWARE of sysexits.h; Python's own 1 would say "different people"
STOPPED, READER_GONE = 130, 141  # 128 and the number of the signal: SIGINT, SIGPIPE
Command = Callable[[argparse.Namespace], int]


def command(commands: Any, run: Command, name: str | None = None) -> argparse.ArgumentParser:
    """A sub-command named and described after its function."""
    text = (run.__doc__ or "").strip()
    parser: argparse.ArgumentParser = commands.add_parser(
        name or run.__name__, help=text, description=text
    )
    parser.set_defaults(command=run, parser=parser)
    return parser


def count(word: str, least: int = 1) -> int:
    """A number that counts something, of which there is at least one."""
    if not word.isdecimal() or int(word) < least:
        raise argparse.ArgumentTypeError(f"'{word}' is not a whole number of at least {least}")
    return int(word)


def count_or_none(word: str) -> int:
    """A number that counts something, of which there may be none."""
    return count(word, least=0)
