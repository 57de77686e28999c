"""The FHIR door, measured over HTTP with validation, access and audit on: reads, searches, writes, transactions. `make bench-fhir`.

    python -m bench.fhir [--patients 10000] [--seconds 8] [--workers 2] [--only c,d]

Starts its own empty `maillage demo` in a temporary folder and drives it with `../shared/tools/fhir_load.py`, 16 connections. Nothing else
should use the cores. Machines differ, and one machine from minute to minute: each figure stands beside an empty route driven by the same
client just before and just after it.
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
        demo = start_demo(folder, "--no-seed", settings={"MAILLAGE_WEB_WORKERS": str(wanted.workers)})
        try:
            measure(demo, folder, figures, wanted)
        finally:
            demo.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.text())
    return 0


class Reference:
    """What the machine does of an empty route: it is asked before and after all that is measured, as its speed changes within a run."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.rates = [self._now()]

    def like(self, bound: int | None) -> tuple[str, float] | None:
        """The bound of what was just measured, as this machine would have it: the same share of the empty route as where it was found."""
        self.rates.append(self._now())
        if bound is None:
            return None
        here = bound * (self.rates[-2] + self.rates[-1]) / 2 / EMPTY
        return f"the bound's share of the empty route ({here:.0f})", here

    def _now(self) -> float:
        return empty_rate(LOADER, workers=self._workers, seconds=2)


def measure(demo: Demo, folder: Path, figures: Figures, wanted: argparse.Namespace) -> None:
    reference = Reference(wanted.workers)
    found = load(demo, folder, wanted, "-", "--preload")
    loaded = float(found["preload"]["resources_s"])
    figures.add("load by transactions", loaded, "resources/s", bound=6_500, least=True, reference=reference.like(6_500))
    figures.add("wrong answers", len(found["verify_wrong"]), "", bound=0)
    for test, (name, bound) in ROWS.items():
        letter = test.partition("_")[0]
        if wanted.only and letter not in wanted.only.split(","):
            continue
        (found,) = load(demo, folder, wanted, letter)["tests"]
        rate = float(found.get("entries_s", found["ops_s"]))
        figures.add(f"{name}, a second", rate, "", bound=bound, least=True, reference=reference.like(bound))
        figures.add(f"{name}, p50", float(found["p50_ms"] or "nan"), "ms")
        if found["errors"]:
            figures.add(f"{name}: failed", sum(found["errors"].values()), "", bound=0)
    for which, rate in (("least", min(reference.rates)), ("most", max(reference.rates))):
        figures.add(f"reference: empty route, requests a second, {which} (25,400 where the bounds were measured)", rate, "")
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


def load(demo: Demo, folder: Path, wanted: argparse.Namespace, only: str, *more: str) -> dict[str, Any]:
    """What the loader found in the tests with these letters, as it says it in JSON."""
    out = folder / "load.json"
    server = next(one for one in psutil.Process(demo.process.pid).children() if "serve" in one.cmdline())
    command = [
        sys.executable, str(LOADER), "--base", demo.ready["fhir"], f"--token={demo.token('system')}", f"--only={only}", *more,
        "--patients", str(wanted.patients), "--seconds", str(wanted.seconds), "--state", str(folder / "state.json"), "--out", str(out),
        "--pid", f"web={server.pid}",
    ]  # fmt: skip
    subprocess.run(command, check=True, stdout=sys.stderr, env=dict(os.environ))
    answer: dict[str, Any] = json.loads(out.read_text())
    return answer


if __name__ == "__main__":
    raise SystemExit(main())
