"""The subcommands of `python -m siamese`, by who uses them."""
