"""JavaScript clients that nobody here wrote, against a running server: fhir-kit-client and @medplum/core."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Served

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "node_modules"


async def run(script: str, package: str, served: Served) -> dict[str, Any]:
    """What a script prints, run by the project's own node."""
    if not (PACKAGES / package).is_dir():
        pytest.skip(f"the client {package} is not installed (npm install --no-save {package})")
    node = Path(sys.executable).with_name("node")
    process = await asyncio.create_subprocess_exec(
        str(node), str(HERE / script), served.base, served.token,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 0, err.decode()[-3000:]
    found: dict[str, Any] = json.loads(out)
    return found


async def test_fhir_kit_client_does_all_that_it_can(served: Served) -> None:
    assert await run("fhir_kit.mjs", "fhir-kit-client", served) == {
        "version": "4.0.1",
        "done": ["201", "201", "201"],
        "pages": [["3", "2"], ["1"]],
        "genders": [None, "female", "male", "male"],
        "history": 3,
        "whole": 4,
        "last": ["3"],
        "refused": {"status": 400, "place": "Patient.birthDate"},
    }


async def test_medplum_core_does_all_that_it_can(served: Served) -> None:
    assert await run("medplum.mjs", "@medplum/core", served) == {
        "done": ["201", "201", "201"],
        "found": ["3", "2", "1"],
        "pages": [["3", "2"], ["1"]],
        "genders": ["female", "male", "male"],
        "same": True,
        "history": 3,
        "whole": 4,
        "valid": ["Patient.gender"],
        "refused": "Patient.birthDate",
    }
