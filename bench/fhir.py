"""The FHIR door, measured over HTTP with validation, access and audit on: reads, searches, writes, transactions. `make bench-fhir`.

    python -m bench.fhir [--patients 10000] [--seconds 8] [--workers 2] [--only c,d]

Starts its own empty `maillage demo` in a temporary folder and drives it with `../shared/tools/fhir_load.py`, 16 connections. Nothing else
should use the cores. Machines differ: each figure stands beside an empty route driven by the same client in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from bench.main_job import SHARED, Demo, start_demo
from bench.reference import Figures, empty_rate

LOADER = SHARED / "tools" / "fhir_load.py"
ROWS = {
    "c_read": ("read by id", 4_000),
    "d_search_patient": ("Patient?family&birthdate", 2_600),
    "e_search_obs": ("Observation?patient&code&_sort=-date&_count=20", 3_200),
    "h_everything": ("$everything", 2_000),
    "i1_include": ("Observation?code&date + _include", 1_100),
    "i2_revinclude": ("Patient + _include + _revinclude", None),
    "a_create_patient": ("create Patient", 1_500),
    "b_create_obs": ("create Observation", 2_000),
    "g_update_patient": ("update Patient", 1_300),
    "f_transaction50": ("transaction of 50 mixed entries, entries", 7_000),
}
"""The loader's tests, and operations a second that are to be reached."""
EMPTY = 25_400
"""Requests a second of an empty route through the same loader, on the machine where the bounds were found (design/STORE.md)."""
MEMORY = 300  # MB of the web processes together
WARM = 2  # seconds
PATIENCE = 60  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="letters of the loader's tests, such as c,d")
    wanted = parser.parse_args()
    if not LOADER.exists():
        print(f"the loader {LOADER.name} is not beside this checkout", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="mlb-", dir="/tmp"))
    folder.chmod(0o755)
    figures = Figures()
    try:
        empty = empty_rate(LOADER, workers=wanted.workers)
        figures.add("reference: empty route, requests a second (25,400 where the bounds were measured)", empty, "")
        demo = start_demo(folder, "--no-seed", settings={"MAILLAGE_WEB_WORKERS": str(wanted.workers)})
        try:
            measure(demo, folder, figures, wanted, empty)
        finally:
            demo.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.text())
    return 0


def measure(demo: Demo, folder: Path, figures: Figures, wanted: argparse.Namespace, empty: float) -> None:
    found = load(demo, folder, wanted)
    preload = found["preload"]
    figures.add(
        "load by transactions",
        float(preload["resources_s"]),
        "resources/s",
        bound=6_500,
        least=True,
        reference=_like(6_500, empty),
    )
    figures.add("wrong answers", len(found["verify_wrong"]), "", bound=0)
    for test in found["tests"]:
        name, bound = ROWS[test["test"]]
        rate = float(test.get("entries_s", test["ops_s"]))
        figures.add(f"{name}, a second", rate, "", bound=bound, least=True, reference=_like(bound, empty))
        figures.add(f"{name}, p50", float(test["p50_ms"] or "nan"), "ms")
        if test["errors"]:
            figures.add(f"{name}: failed", sum(test["errors"].values()), "", bound=0)
    figures.add("web processes together", demo.resident()["serve"], "MB", bound=MEMORY)
    figures.add("warm start to the first answer", warm_start(demo, folder, wanted.workers), "s", bound=WARM)


def warm_start(demo: Demo, folder: Path, workers: int) -> float:
    """Seconds from the start of another web process over the same data, PostgreSQL running, until it has answered a search."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = {
        "MAILLAGE_DATA": str(folder / "data"), "MAILLAGE_WEB": f"127.0.0.1:{port}", "MAILLAGE_WEB_WORKERS": str(workers), "MAILLAGE_DEMO": "true",
    }  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")} | settings
    headers = {"Authorization": f"Bearer {demo.token('system')}"}
    with (folder / "serve.log").open("wb") as log, httpx.Client(headers=headers, timeout=5) as client:
        began = time.perf_counter()
        server = subprocess.Popen([sys.executable, "-m", "maillage.cli", "serve"], stdout=log, stderr=log, env=environment)
        try:
            while time.perf_counter() - began < PATIENCE:
                try:
                    client.get(f"http://127.0.0.1:{port}/fhir/Patient?_count=1").raise_for_status()
                except httpx.TransportError:
                    time.sleep(0.01)
                else:
                    return time.perf_counter() - began
            raise SystemExit(f"the web process did not answer in {PATIENCE} s: see {log.name}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def _like(bound: int | None, empty: float) -> tuple[str, float] | None:
    """A bound as this machine would have it: what it is of the empty route where it was measured, of the empty route here."""
    return (
        None if bound is None else (f"the bound's share of the empty route ({bound * empty / EMPTY:.0f})", bound * empty / EMPTY)
    )


def load(demo: Demo, folder: Path, wanted: argparse.Namespace) -> dict[str, Any]:
    """What the loader found, as it says it in JSON."""
    out = folder / "load.json"
    server = next(one for one in psutil.Process(demo.process.pid).children() if "serve" in one.cmdline())
    command = [
        sys.executable, str(LOADER), "--base", demo.ready["fhir"], "--token", demo.token("system"), "--preload",
        "--patients", str(wanted.patients), "--seconds", str(wanted.seconds), "--state", str(folder / "state.json"), "--out", str(out),
        "--pid", f"web={server.pid}", *(["--only", wanted.only] if wanted.only else []),
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=sys.stderr, env=dict(os.environ))
    answer: dict[str, Any] = json.loads(out.read_text())
    return answer


if __name__ == "__main__":
    raise SystemExit(main())
