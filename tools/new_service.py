"""Lays the empty rooms of a service: `make new-service NAME=telehealth`."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

README = """# {name}

Purpose: (one sentence: for whom, what for).

| | |
|---|---|
| words | |
| resources it owns | |
| what it announces | |
| what it calls | |
| doors | |
"""


def main(name: str) -> int:
    """Makes `src/maillage/services/<name>`; refuses a bad name, an existing one, and one that has no place in the order."""
    if not re.fullmatch(r"[a-z][a-z_]+", name):
        print("NAME is lower-case letters, for example: make new-service NAME=telehealth", file=sys.stderr)
        return 2
    folder = ROOT / "src" / "maillage" / "services" / name
    if folder.exists():
        print(f"{folder.relative_to(ROOT)} is there already", file=sys.stderr)
        return 1
    if not in_the_order(name):
        print(
            f"{name} has no place in the order of services: add it to the import contract in pyproject.toml first",
            file=sys.stderr,
        )
        return 1
    (folder / "tests").mkdir(parents=True)
    (folder / "README.md").write_text(README.format(name=name))
    (folder / "__init__.py").write_text(f'"""{name.capitalize()}: see README.md."""\n')
    (folder / "public.py").write_text(f'"""What other services may call of {name}."""\n')
    (folder / "tests" / f"test_{name}_service.py").write_text(f'"""{name.capitalize()}: behaviour through its verbs."""\n')
    print(f"{folder.relative_to(ROOT)}: name it in SERVICES of src/maillage/app.py, say in its README.md what it is for,")
    print("then see CONTRIBUTING.md, « Add a feature »")
    return 0


def in_the_order(name: str) -> bool:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["maillage.services"])
    return any(f"({name})" in layer for layer in layers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
