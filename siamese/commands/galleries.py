"""Subcommands of `gallery`: people embedded once, to pick from them often.

`gallery FOLDER FILE` makes one; `gallery add`, `remove` and `list` look after it. A folder with one
of these names is written ./add.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siamese.commands.options import (
    SAME,
    checkpoint_options,
    command,
    count,
    group_option,
    load_verifier,
    print_proposals,
    progress_bar,
)

CREATE, CHANGES = "create", ("add", "remove", "list")


def add(commands: Any) -> None:
    """Declare these subcommands."""
    text = "Embed people once and save them, or look after such a gallery."
    parser = commands.add_parser("gallery", help=text, description=text)
    below = parser.add_subparsers(required=True, metavar="COMMAND")

    parser = command(below, create)
    parser.add_argument("support", type=Path, help="a folder of photos: FILE or IDENTITY/FILE")
    parser.add_argument("out", type=Path, help="the gallery file to write")
    group_option(parser)
    parser.add_argument(
        "--processes",
        type=count,
        default=1,
        help="how many processes embed at a time, each on a core of its own",
    )
    checkpoint_options(parser)

    file: dict[str, Any] = {"type": Path, "help": "a gallery file"}
    parser = command(below, add_photos, "add")
    parser.add_argument("file", **file)
    parser.add_argument("name", help="who the photos show; may be in the gallery already")
    parser.add_argument(
        "photos", type=Path, nargs="+", metavar="photo", help="photos of one person"
    )
    checkpoint_options(parser)

    parser = command(below, remove)
    parser.add_argument("file", **file)
    parser.add_argument("name", help="the person to take out, with all photos")

    parser = command(below, list_people, "list")
    parser.add_argument("file", **file)


def spelled_out(words: Sequence[str]) -> list[str]:
    """A command line in which `gallery FOLDER FILE` says that it creates one."""
    if words[:1] == ["gallery"] and words[1:2] not in ([], ["-h"], ["--help"]):
        changes = words[1] in (CREATE, *CHANGES)
        return [*words[:1], *([] if changes else [CREATE]), *words[1:]]
    return list(words)


def create(options: argparse.Namespace) -> int:
    """Embed a folder of people once and save them, or what changed; `create` may be left out.

    Where the gallery is there, photos whose files are as they were are not embedded again, and
    those that are gone are taken out.
    """
    from siamese.support import Gallery, check_target

    check_target(options.out)  # now, since embedding may take hours
    verifier = load_verifier(options)
    before = Gallery.load(options.out) if options.out.exists() else None
    with progress_bar() as progress:
        found, unusable = verifier.gallery(
            options.support,
            progress,
            before=before,
            processes=options.processes,
            group=options.group,
        )
    found.isolation(verifier.head.isolation)  # once for all searches
    found.save(options.out)
    print_proposals(verifier.proposals(found))
    if before is not None:
        kept = len(found.known_photos().keys() & before.known_photos().keys())
        print(f"photos as they were: {kept}", file=sys.stderr)
    for photo in unusable:
        print(f"left out: {photo.reason}", file=sys.stderr)
    print(f"people in {options.out}: {len(found)}")
    return SAME


def add_photos(options: argparse.Namespace) -> int:
    """Add photos of a person, new or known, to a gallery."""
    from siamese.errors import InputError
    from siamese.support import Gallery, sha256_of

    before = Gallery.load(options.file)
    verifier = load_verifier(options)
    if before.sha256 != verifier.origin.sha256:
        raise InputError(
            f"{options.file} was made by other weights ({before.sha256[:12]}...); name their"
            " checkpoint, or make the gallery again."
        )
    hashes = tuple(sha256_of(photo) for photo in options.photos)
    after = before.add(options.name, verifier.embed(options.photos), hashes)
    after.save(options.file)
    print(f"photos of {options.name} in {options.file}: {len(after.photos[options.name])}")
    return SAME


def remove(options: argparse.Namespace) -> int:
    """Take a person out of a gallery."""
    from siamese.support import Gallery

    after = Gallery.load(options.file).remove(options.name)
    after.save(options.file)
    print(f"people in {options.file}: {len(after)}")
    return SAME


def list_people(options: argparse.Namespace) -> int:
    """Print how many photos of whom a gallery holds, a line each, with a tab between."""
    from siamese.support import Gallery

    for name, rows in Gallery.load(options.file).photos.items():
        print(f"{len(rows)}\t{name}")
    return SAME
