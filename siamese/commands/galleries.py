"""Subcommands of `gallery`: people embedded once, to be picked from often.

`gallery FOLDER FILE` creates one; `gallery add`, `remove` and `list` maintain it. A folder that has
one of these names is given as ./add.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siamese.commands.exit_codes import SAME
from siamese.commands.options import (
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
    text = "Embed people once and save them as a gallery, or maintain one."
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
        help="how many processes embed at the same time, each on its own core",
    )
    checkpoint_options(parser)

    file: dict[str, Any] = {"type": Path, "help": "a gallery file"}
    parser = command(below, add_photos, "add")
    parser.add_argument("file", **file)
    parser.add_argument("name", help="whom the photos show; they may already be in the gallery")
    parser.add_argument(
        "photos", type=Path, nargs="+", metavar="photo", help="photos of one person"
    )
    checkpoint_options(parser)

    parser = command(below, remove)
    parser.add_argument("file", **file)
    parser.add_argument("name", help="the person to remove, with all their photos")

    parser = command(below, list_people, "list")
    parser.add_argument("file", **file)


def spelled_out(words: Sequence[str]) -> list[str]:
    """The command line, with the `create` spelled out that `gallery FOLDER FILE` implies."""
    if words[:1] == ["gallery"] and words[1:2] not in ([], ["-h"], ["--help"]):
        changes = words[1] in (CREATE, *CHANGES)
        return [*words[:1], *([] if changes else [CREATE]), *words[1:]]
    return list(words)


def create(options: argparse.Namespace) -> int:
    """Embed a folder of people once and save them; the word `create` may be left out.

    If the gallery already exists, only new and changed photos are embedded, and those whose files
    are gone are removed.
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
        print(f"unchanged photos: {kept}", file=sys.stderr)
    for photo in unusable:
        print(f"left out: {photo.reason}", file=sys.stderr)
    print(f"people in {options.out}: {len(found)}")
    return SAME


def add_photos(options: argparse.Namespace) -> int:
    """Add photos of a person, new or known, to a gallery."""
    from siamese.enrolment import BATCH
    from siamese.errors import InputError
    from siamese.support import Gallery, sha256_of

    before = Gallery.load(options.file)
    verifier = load_verifier(options)
    if before.sha256 != verifier.origin.sha256:
        raise InputError(
            f"{options.file} was made with other weights ({before.sha256[:12]}...); name their"
            " checkpoint, or create the gallery again."
        )
    after = before
    for start in range(0, len(options.photos), BATCH):
        photos = options.photos[start : start + BATCH]
        seen = [verifier.choose(verifier.find(photo)) for photo in photos]
        after = after.add(
            options.name,
            verifier.embed_chosen(seen),
            [sha256_of(photo) for photo in photos],
            [photo.tells_little for photo in seen],
        )
    after.save(options.file)
    print(f"photos of {options.name} in {options.file}: {len(after.photos[options.name])}")
    return SAME


def remove(options: argparse.Namespace) -> int:
    """Remove a person from a gallery."""
    from siamese.support import Gallery

    after = Gallery.load(options.file).remove(options.name)
    after.save(options.file)
    print(f"people in {options.file}: {len(after)}")
    return SAME


def list_people(options: argparse.Namespace) -> int:
    """List the people in a gallery, one per line: number of photos, tab, name."""
    from siamese.support import Gallery

    for name, rows in Gallery.load(options.file).photos.items():
        print(f"{len(rows)}\t{name}")
    return SAME
