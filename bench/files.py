"""What it costs to seal documents: puts and gets of letters of 100 kB and of files of 20 MB, plain and sealed, in one process, in turn.

    python -m bench.files [--times 5]

Puts are durable (fsync of the document, and of its key when it is sealed); gets come from the cache of the system, where the price of opening shows most.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from maillage.files import Keys, LocalFiles

KINDS = {"a letter of 100 kB": (100_000, 100), "a file of 20 MB": (20_000_000, 5)}
KEYS = Keys("bench", {"bench": os.urandom(32)})

Timed = Callable[[], Awaitable[object]]


async def milliseconds(each: list[Timed]) -> float:
    began = time.perf_counter()
    for one in each:
        await one()
    return (time.perf_counter() - began) * 1000 / len(each)


async def measured(length: int, many: int, keys: Keys | None) -> tuple[float, float]:
    """Milliseconds of a put and of a get."""
    with tempfile.TemporaryDirectory() as folder:
        files = LocalFiles(Path(folder), keys)
        contents = [os.urandom(length) for _ in range(many)]
        names: list[str] = []

        async def put(content: bytes) -> None:
            names.append(await files.put(content))

        puts = await milliseconds([partial(put, content) for content in contents])
        gets = await milliseconds([partial(files.get, name) for name in names])
    return puts, gets


async def main(times: int) -> None:
    for kind, (length, many) in KINDS.items():
        found: dict[str, list[tuple[float, float]]] = {"plain": [], "sealed": []}
        for _ in range(times):
            for how, keys in (("plain", None), ("sealed", KEYS)):
                found[how].append(await measured(length, many, keys))
        for how, figures in found.items():
            put, get = (statistics.median(column) for column in zip(*figures, strict=True))
            print(f"{kind}, {how}: put {put:.2f} ms, get {get:.2f} ms")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--times", type=int, default=5)
    asyncio.run(main(asked.parse_args().times))
