"""The command line: `python -m siamese COMMAND`, or `siamese COMMAND` where it is installed.

Answers go to stdout, everything else to stderr. Exit codes, for scripts:

    0  same person, or somebody was picked; any other command: done
    1  different people
    2  an input that cannot be used, or a wrong command line
    3  uncertain, or somebody who is not alike enough to be named
    4  none of these
   70  an error in the program itself, or a missing library, too little memory or a full disk
  130  stopped by Ctrl-C
  141  the program that read the answer has ended, as `head` does: a broken pipe

What a command needs is imported when it runs, so that `verify` does not wait for the trainer.
"""

import argparse
import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from siamese import __version__
from siamese.commands import answers, galleries, making, publishing
from siamese.commands.exit_codes import INPUT_ERROR, OWN_ERROR, READER_GONE, STOPPED
from siamese.commands.options import Command
from siamese.errors import SiameseError

EXTRAS = {"onnx": "export", "sklearn": "group"}  # what installs a package; all others: "train"
# Numbers of errors that no input is to blame for: no room, no memory, no more files, a broken disk.
MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EIO,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one sentence on stderr."""
    # What a decoder finds odd in a file that it can read is of no use to whoever asked.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    _print_anything()
    options, unknown = parse(sys.argv[1:] if arguments is None else arguments)
    if unknown:
        # Not by `parse_args`, which would show the usage of the program instead of the command's.
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return _run(options)
    except BrokenPipeError:
        _forget_output()
        return READER_GONE


def _run(options: argparse.Namespace) -> int:
    command: Command = options.command
    try:
        code = command(options)
        try:
            print(end="", flush=True)  # while an error can still be reported
        except OSError:
            _forget_output()
            raise
        return code
    except BrokenPipeError:
        raise
    except SiameseError as error:
        print(f"error: {error}", file=sys.stderr)
        return INPUT_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except Exception as error:
        return _failed(error, options.parser.prog)


def _failed(error: Exception, command: str) -> int:
    """Print one sentence about an error of the system, a file or the program; the exit code."""
    if _lacks_memory(error):
        said = f"there is too little memory for `{command}`; close other programs, and try again."
    elif isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("siamese"):
        said = (
            f"`{command}` needs {error.name}, which is not installed; please run"
            f' `pip install ".[{EXTRAS.get(str(error.name), "train")}]"` in a checkout of the'
            " repository."
        )
    elif isinstance(error, OSError):
        said = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"
        if error.errno not in MACHINE:
            print(f"error: {said}", file=sys.stderr)
            return INPUT_ERROR
    else:
        traceback.print_exception(error)
        said = f"`{command}` has a defect; please report it with the lines above."
    print(f"error: {said}", file=sys.stderr)
    return OWN_ERROR


def _lacks_memory(error: Exception) -> bool:
    """Whether Python, torch or the loader of libraries had no memory left."""
    words = ("allocate memory", "failed to map segment", "bad_alloc")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def _print_anything() -> None:
    """Escape characters that the encoding of stdout lacks as \\x.., instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Python flushes stdout on exit, and would then complain of what was already reported."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of a command line, and the words in it that are not recognized."""
    return _parser().parse_known_args(galleries.spelled_out(words))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siamese", description="Siamese face verification.")
    parser.add_argument("--version", action="version", version=f"siamese {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in (answers, galleries, making, publishing):
        family.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
