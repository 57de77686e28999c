"""What a sender calls a file, as it may stand on a screen and on the disk of whoever saves it."""

import re
import unicodedata
from pathlib import PurePosixPath

LONGEST = 120
UNNAMED = "document"

_FOLDERS = re.compile(r"[/\\]")


def file_name(said: str) -> str:
    """The last part of a path without what is not seen, or turns the words around it (U+202E in « ordonnance exe.pdf »), of `LONGEST` characters at most with its ending; `UNNAMED` where nothing is left."""
    last = _FOLDERS.split(said.rstrip("/\\. "))[-1][-10 * LONGEST :]
    seen = "".join(" " if one.isspace() else one for one in last if one.isspace() or unicodedata.category(one)[0] != "C")
    name = " ".join(seen.split()).strip(". ")
    ending = PurePosixPath(name).suffix if len(name) > LONGEST else ""
    if len(ending) > LONGEST // 2:
        ending = ""
    return (name if len(name) <= LONGEST else name[: LONGEST - len(ending)] + ending) or UNNAMED
