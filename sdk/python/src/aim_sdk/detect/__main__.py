"""``python -m aim_sdk.detect [FOLDER]``: what detection sees, as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .detection import detect


def main(arguments: list[str] | None = None) -> int:
    """Prints what was seen; ends with 1 when something could not be read, with 2 for no folder."""
    parser = argparse.ArgumentParser(
        prog="python -m aim_sdk.detect",
        description="Shows MCP servers of this machine's AI clients, and what the Python in a "
        "folder can do. Nothing leaves the machine; secrets are not in the output.",
        epilog="Ends with 1 when something could not be read: it is under `problems`.",
    )
    parser.add_argument("folder", nargs="?", default=".", help="folder of a program; default: .")
    chosen = Path(parser.parse_args(arguments).folder)
    if not chosen.is_dir():
        parser.error(f"there is no folder `{chosen}`")
    found = detect(chosen)
    sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    return 1 if found.problems else 0


if __name__ == "__main__":
    sys.exit(main())
