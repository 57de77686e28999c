"""Where bytes are: a folder of this machine, or an object store. A name is there whole or not at all, and durable once written."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from maillage.errors import NotFound, Unavailable

READ = 256 * 1024
Change = Callable[[Iterable[bytes]], Iterable[bytes]]


class Blobs(Protocol):
    """Named bytes; `read` of an unknown name is NotFound.

    `create` changes nothing where the name is there; of several who `claim` a name at once, one gets True and its bytes are those that stay.
    """

    async def create(self, name: str, pieces: Iterable[bytes]) -> None: ...

    async def claim(self, name: str, content: bytes) -> bool: ...

    async def replace(self, name: str, content: bytes) -> None: ...

    async def change(self, name: str, how: Change) -> None: ...

    async def read(self, name: str) -> bytes: ...

    async def begin(self, name: str, length: int) -> bytes: ...

    async def exists(self, name: str) -> bool: ...

    async def remove(self, name: str) -> None: ...

    def names(self, under: str = "") -> AsyncIterator[str]: ...

    async def probe(self) -> None: ...


class Folder:
    """A folder. What has a long name is two levels deep, by its first letters."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def create(self, name: str, pieces: Iterable[bytes]) -> None:
        if not self.path(name).exists():
            await asyncio.to_thread(self._write, name, pieces)

    async def claim(self, name: str, content: bytes) -> bool:
        """By a hard link, which unlike a rename gives way to whoever came first."""
        return await asyncio.to_thread(self._write, name, [content], claim=True)

    async def replace(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(self._write, name, [content])

    async def change(self, name: str, how: Change) -> None:
        """Write anew what there is, piece by piece; where `how` fails, all stays as it was."""
        await asyncio.to_thread(self._change, name, how)

    async def read(self, name: str) -> bytes:
        try:
            return await asyncio.to_thread(self.path(name).read_bytes)
        except FileNotFoundError:
            raise NotFound(f"nothing is stored as {name}") from None

    async def begin(self, name: str, length: int) -> bytes:
        """The first bytes."""
        return await asyncio.to_thread(self._begin, name, length)

    async def exists(self, name: str) -> bool:
        return await asyncio.to_thread(self.path(name).exists)

    async def remove(self, name: str) -> None:
        await asyncio.to_thread(self.path(name).unlink, missing_ok=True)

    async def names(self, under: str = "") -> AsyncIterator[str]:
        for path in sorted((self.folder / under).rglob("*") if (self.folder / under).is_dir() else []):
            if path.is_file() and not path.name.startswith("."):
                yield f"{under}/{path.name}" if under else path.name

    async def probe(self) -> None:
        """Writes, reads and removes a byte; raises Unavailable with the reason."""
        await asyncio.to_thread(self._probe)

    def path(self, name: str) -> Path:
        """Where it is."""
        return self.folder / name if "/" in name else self.folder / name[:2] / name[2:4] / name

    def _begin(self, name: str, length: int) -> bytes:
        with self.path(name).open("rb") as file:
            return file.read(length)

    def _change(self, name: str, how: Change) -> None:
        with self.path(name).open("rb") as file:
            self._write(name, how(_pieces_of(file.read)))

    def _write(self, name: str, pieces: Iterable[bytes], *, claim: bool = False) -> bool:
        path = self.path(name)
        draft = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(draft, pieces)
            if claim:
                os.link(draft, path)
            else:
                draft.replace(path)
            _sync_folder(path.parent)
        except FileExistsError:
            return False
        except OSError as fault:
            raise _refusal(fault) from fault
        finally:
            draft.unlink(missing_ok=True)
        return True

    def _probe(self) -> None:
        draft = self.folder / f".probe.{uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_durably(draft, [b"."])
        except OSError as fault:
            raise _refusal(fault) from fault
        finally:
            draft.unlink(missing_ok=True)


class Objects:
    """An object store, through obstore (`s3://bucket/prefix`; credentials from the environment that obstore documents)."""

    def __init__(self, url: str) -> None:
        from obstore.store import from_url

        self._store = from_url(url)

    async def create(self, name: str, pieces: Iterable[bytes]) -> None:
        if not await self.exists(name):
            await self.replace(name, b"".join(pieces))

    async def claim(self, name: str, content: bytes) -> bool:
        from obstore.exceptions import AlreadyExistsError

        try:
            await self._store.put_async(_address(name), content, mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        except OSError as fault:
            raise Unavailable(f"the document store refuses to write ({fault})") from fault
        return True

    async def replace(self, name: str, content: bytes) -> None:
        try:
            await self._store.put_async(_address(name), content)
        except OSError as fault:
            raise Unavailable(f"the document store refuses to write ({fault})") from fault

    async def change(self, name: str, how: Change) -> None:
        """Write anew what there is, held whole meanwhile: an object store does not rename."""
        await self.replace(name, b"".join(how([await self.read(name)])))

    async def read(self, name: str) -> bytes:
        try:
            result = await self._store.get_async(_address(name))
        except FileNotFoundError:
            raise NotFound(f"nothing is stored as {name}") from None
        return bytes(await result.bytes_async())

    async def begin(self, name: str, length: int) -> bytes:
        """The first bytes."""
        return (await self.read(name))[:length]

    async def exists(self, name: str) -> bool:
        try:
            await self._store.head_async(_address(name))
        except FileNotFoundError:
            return False
        return True

    async def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            await self._store.delete_async(_address(name))

    async def names(self, under: str = "") -> AsyncIterator[str]:
        async for batch in self._store.list(under or None):
            for one in batch:
                yield one["path"] if under else one["path"].rpartition("/")[2]

    async def probe(self) -> None:
        try:
            await self.exists("0" * 64)
        except Exception as fault:
            raise Unavailable(f"the document store does not answer ({type(fault).__name__})") from fault


def _address(name: str) -> str:
    return name if "/" in name else f"{name[:2]}/{name}"


def _pieces_of(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(READ):
        yield piece


def _refusal(fault: OSError) -> Unavailable:
    if fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return Unavailable("the document store is full", french="le stockage des documents est plein")
    words = f"the document store refuses to write ({fault.strerror})"
    return Unavailable(words, french="le stockage des documents refuse d'écrire")


def _write_durably(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("xb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
