"""How long a sign-in keeps somebody waiting: the demonstration's doctor goes to Pro Santé Connect (the emulator) and comes back. `make bench-sign-in`.

    python -m bench.sign_in [--times 100]

Ours are the two answers of our own server: the one that sends the browser away, and the one that takes the code, exchanges it, checks the ID
token, finds the professional in the directory and opens the session. What the provider takes to answer our server is in them; what it
takes to answer the browser is not. A sign-in anew finds the provider's keys remembered; the first after a start does not, and is told apart.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import httpx
from bench.main_job import Demo, start_demo
from bench.reference import Figures, empty_route, percentile

BOUND = 150  # ms


def sign_in(demo: Demo) -> tuple[float, float, float]:
    """Milliseconds: sent away, at the provider (in the browser), let in."""
    with httpx.Client(base_url=demo.ready["web"], headers={"accept": "text/html"}, timeout=30) as browser:
        browser.get("/connexion")  # opens the connection
        away, first = _timed(browser, "/connexion/psc?persona=gp")
        back, elsewhere = _timed(browser, away.headers["location"])
        landed, second = _timed(browser, back.headers["location"])
        if landed.status_code != 303 or "refus" in landed.headers["location"] or not browser.cookies.get("maillage"):
            raise SystemExit(f"nobody was let in: {landed.status_code} {landed.headers.get('location')}")
        return first, elsewhere, second


def _timed(browser: httpx.Client, address: str) -> tuple[httpx.Response, float]:
    began = time.perf_counter()
    answer = browser.get(address)
    return answer, (time.perf_counter() - began) * 1000


def main() -> int:
    """`python -m bench.sign_in [--times N]`"""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100)
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mlb-", dir="/tmp"))
    folder.chmod(0o755)
    figures = Figures()
    try:
        demo = start_demo(folder, "--scale", "0.1")
        try:
            empty = percentile(empty_route(), 50)
            first = sign_in(demo)
            found = [sign_in(demo) for _ in range(wanted.times)]
        finally:
            demo.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    ours = [away + back for away, _, back in found]
    reference = ("an empty route", empty)
    for rank in (50, 95):
        figures.add(f"sign-in, our time, p{rank}", percentile(ours, rank), "ms", bound=BOUND, reference=reference)
    figures.add("of it, sent away, p50", percentile([one[0] for one in found], 50), "ms")
    figures.add("of it, let in, p50", percentile([one[2] for one in found], 50), "ms")
    figures.add("the first after a start, our time", first[0] + first[2], "ms", bound=BOUND)
    print(figures.text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
