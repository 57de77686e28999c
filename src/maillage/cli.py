"""The command `maillage`."""

import argparse
import sys
from collections.abc import Sequence

from maillage.errors import MaillageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; an error of ours ends with status 1 and its message on standard error."""
    parser = argparse.ArgumentParser(prog="maillage", description="L'espace numérique de santé d'une région.")
    parser.parse_args(arguments)
    try:
        parser.print_help()
    except MaillageError as fault:
        print(f"maillage: {fault.message}", file=sys.stderr)
        return 1
    return 0
