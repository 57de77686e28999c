"""Bytes of documents, named by their SHA-256: a local folder by default, an S3-compatible store in production."""

import asyncio
import errno
import hashlib
import os
import re
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from maillage.errors import Invalid, NotFound, Unavailable

_DIGEST = re.compile(r"^[0-9a-f]{64}$")


def digest(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Files(Protocol):
    """Content-addressed bytes. What `put` answered for is durable; `get` of an unknown digest is NotFound."""

    async def put(self, content: bytes) -> str: ...

    async def get(self, sha256: str) -> bytes: ...

    async def exists(self, sha256: str) -> bool: ...

    async def probe(self) -> None: ...


class LocalFiles:
    """A folder, two levels deep. A file appears whole or not at all, and is on the disk before `put` returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, content: bytes) -> str:
        return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        path = self._path(sha256)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise NotFound(f"no document with the digest {sha256}") from None

    async def exists(self, sha256: str) -> bool:
        return await asyncio.to_thread(self._path(sha256).exists)

    async def probe(self) -> None:
        """Writes, reads and removes a byte; raises Unavailable with the reason."""
        await asyncio.to_thread(self._probe)

    def _path(self, sha256: str) -> Path:
        if not _DIGEST.match(sha256):
            raise Invalid(f"{sha256!r} is not a SHA-256 in hexadecimal")
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def _put(self, content: bytes) -> str:
        name = digest(content)
        path = self._path(name)
        if path.exists():
            return name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{uuid4().hex}")
        try:
            _write_durably(draft, content)
            draft.rename(path)
            _sync_folder(path.parent)
        except OSError as fault:
            draft.unlink(missing_ok=True)
            raise _refusal(fault) from fault
        return name

    def _probe(self) -> None:
        draft = self.folder / f".probe.{uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_durably(draft, b".")
            draft.unlink()
        except OSError as fault:
            draft.unlink(missing_ok=True)
            raise _refusal(fault) from fault


class ObjectFiles:
    """An object store, through obstore (`s3://bucket/prefix`; credentials from the environment that obstore documents)."""

    def __init__(self, url: str) -> None:
        from obstore.store import from_url

        self._store = from_url(url)

    async def put(self, content: bytes) -> str:
        name = digest(content)
        if not await self.exists(name):
            try:
                await self._store.put_async(f"{name[:2]}/{name}", content)
            except OSError as fault:
                raise Unavailable(f"the document store refuses to write ({fault})") from fault
        return name

    async def get(self, sha256: str) -> bytes:
        try:
            result = await self._store.get_async(f"{sha256[:2]}/{sha256}")
        except FileNotFoundError:
            raise NotFound(f"no document with the digest {sha256}") from None
        return bytes(await result.bytes_async())

    async def exists(self, sha256: str) -> bool:
        try:
            await self._store.head_async(f"{sha256[:2]}/{sha256}")
        except FileNotFoundError:
            return False
        return True

    async def probe(self) -> None:
        try:
            await self.exists("0" * 64)
        except Exception as fault:
            raise Unavailable(f"the document store does not answer ({type(fault).__name__})") from fault


def open_files(url: str, *, folder: Path) -> Files:
    """The store at `url`, or the local folder where it is empty."""
    return ObjectFiles(url) if url else LocalFiles(folder)


def _refusal(fault: OSError) -> Unavailable:
    if fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return Unavailable("the document store is full", french="le stockage des documents est plein")
    words = f"the document store refuses to write ({fault.strerror})"
    return Unavailable(words, french="le stockage des documents refuse d'écrire")


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
