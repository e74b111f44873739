"""Subcommands that publish: publish, publish-space, export; and convert, for the work of others."""

import argparse
import sys
from pathlib import Path
from typing import Any

from siamese.commands.exit_codes import SAME
from siamese.commands.options import command, count


def add(commands: Any) -> None:
    """Declare these subcommands."""

    def shared(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--private", action="store_true", help="create it as private")
        parser.add_argument(
            "--dry-run", action="store_true", help="check and list only, send nothing"
        )

    parser = command(commands, publish)
    parser.add_argument("folder", type=Path, help="a calibrated checkpoint")
    parser.add_argument("repo", help="owner/name; created if needed")
    parser.add_argument("--revision", help="a branch, created if needed; default: main")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request instead")
    shared(parser)

    parser = command(commands, publish_space, "publish-space")
    parser.add_argument("repo", help="owner/name; created if needed")
    parser.add_argument(
        "--checkpoint",
        help="owner/name@revision to answer with; default: unchanged, at first the embedded one",
    )
    shared(parser)

    parser = command(commands, export)
    parser.add_argument("folder", type=Path, help="a calibrated checkpoint")
    parser.add_argument("out", type=Path, help="the .onnx file to write")

    parser = command(commands, convert)
    parser.add_argument("source", type=Path, help="the pickle, or a folder with one")
    parser.add_argument("out", type=Path, help="the checkpoint folder to write")
    parser.add_argument(
        "--backbone",
        help="the kind of network; default: what the config.json beside the pickle says",
    )
    parser.add_argument("--image-size", type=count, default=96, help="side of a crop, px")
    parser.add_argument("--channels", type=count, default=3, help="3 for colour, 1 for grey")
    parser.add_argument("--embedding-size", type=count, default=512, help="numbers in an embedding")


def publish(options: argparse.Namespace) -> int:
    """Upload a checkpoint to the Hugging Face Hub."""
    from siamese.hub.publish import publish as run

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
    from siamese.hub.publish import publish_space as run

    done = run(
        options.repo,
        checkpoint=options.checkpoint,
        private=options.private,
        dry_run=options.dry_run,
    )
    _print_files(done)
    print(done.url if done.commit else f"nothing was sent; it would go to {done.url}")
    return SAME


def export(options: argparse.Namespace) -> int:
    """Export a checkpoint, calibration included, as one ONNX file for use in any language."""
    from siamese import checkpoint
    from siamese.export import export as run

    run(checkpoint.load_folder(options.folder), options.out)
    print(f"exported: {options.out}")
    return SAME


def convert(options: argparse.Namespace) -> int:
    """Turn a pickled PyTorch file that you trust into a checkpoint folder."""
    from siamese.hub.convert import convert as run
    from siamese.network import NetworkConfig

    network = None
    if options.backbone:
        network = NetworkConfig(
            backbone=options.backbone,
            image_size=options.image_size,
            channels=options.channels,
            embedding_size=options.embedding_size,
        )
    print(f"converted: {options.out}, weights {run(options.source, options.out, network)}")
    return SAME


def _print_files(published: Any) -> None:
    for name, size in published.sizes.items():
        print(f"{size:12,}  {name}", file=sys.stderr)
    print(f"{published.total_bytes:12,}  bytes", file=sys.stderr)
