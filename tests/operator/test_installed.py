"""What an operator installs for good: without demonstration, emulators and tests, and whole without them (OWASP ASVS 5.0, V15.2.3)."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest
from setuptools import find_namespace_packages

from maillage.access.platform import Platform
from maillage.app import web
from maillage.errors import SetupError
from tests.support.plugin import ROOT

# Every module of the packages that are installed is read where the others cannot be; then a command is run.
WITHOUT = """
import importlib, json, pkgutil, sys
kept = set(json.loads(sys.argv[1]))
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("maillage.") and (name.startswith("maillage.demo") or ".emulator" in name or ".tests" in name):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
read = 0
for package in sorted(kept):
    found = importlib.import_module(package)
    for one in pkgutil.iter_modules(found.__path__, package + "."):
        if one.name not in ("maillage.operator.demo", "maillage.fhir.definitions.build", "maillage.ui.build") and not one.ispkg:
            importlib.import_module(one.name)
            read += 1
from maillage.app import declared_routes, load_services
load_services()
routes = len(declared_routes())
from maillage.cli import main
print(json.dumps({"read": read, "routes": routes, "demo": main(["demo"])}))
"""


def packages() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]["find"]
    (where,) = settings["where"]
    return list(find_namespace_packages(str(ROOT / where), exclude=settings["exclude"]))


def test_no_demonstration_emulator_or_test_is_installed() -> None:
    kept = packages()
    assert {"maillage", "maillage.access", "maillage.connectors.psc", "maillage.services.documents"} <= set(kept)
    assert [one for one in kept if {"demo", "emulator", "tests"} & set(one.split("."))] == []


def test_the_product_is_whole_without_them() -> None:
    kept = [one for one in packages() if (ROOT / "src" / one.replace(".", "/") / "__init__.py").is_file()]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT, json.dumps(kept)], capture_output=True, text=True, timeout=120, check=False, env=bare
    )
    assert run.returncode == 0, run.stderr[-2000:]
    said = json.loads(run.stdout.splitlines()[-1])
    assert (said["read"] > 150, said["routes"] > 80, said["demo"]) == (True, True, 1)
    assert "run `make demo` in the source" in run.stderr


async def test_personas_are_offered_on_this_machine_only(platform: Platform) -> None:
    for address, taken in (("http://127.0.0.1:8000", True), ("http://localhost:8000", True), ("https://region.example", False)):
        config = replace(platform.config, demo=True, base_url=address)
        if taken:
            assert web(replace(platform, config=config))
            continue
        with pytest.raises(SetupError, match="MAILLAGE_DEMO"):
            web(replace(platform, config=config))
    assert web(replace(platform, config=replace(platform.config, base_url="https://region.example")))
