"""The built files that pages load: content-hashed names from the manifest of `maillage.ui.build`; `http` serves them with a year of cache."""

import json
from functools import cache
from pathlib import Path

from maillage.errors import SetupError

BUILD = Path(__file__).parent / "static" / "build"
URL = "/static"


@cache
def _manifest() -> dict[str, str]:
    path = BUILD / "manifest.json"
    if not path.exists():
        raise SetupError("The front-end files are not built: run `make setup`.")
    names: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return names


def asset(name: str) -> str:
    """The address of a built file by its plain name, `maillage.css`. Raises SetupError before the build, KeyError for an unknown name."""
    return f"{URL}/{_manifest()[name]}"
