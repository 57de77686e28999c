"""Bytes of documents, named by their SHA-256: a local folder by default, an S3-compatible store in production; sealed where the operator gave keys."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from maillage.errors import Damaged, Invalid, NotFound, SetupError
from maillage.files.blobs import Blobs, Folder, Objects
from maillage.files.sealing import MAGIC, Keys, keys_of, new_data_key, seal, unseal, wrapped_of

__all__ = [
    "BESIDE",
    "MARKS",
    "Files",
    "Keys",
    "LocalFiles",
    "ObjectFiles",
    "StoredFiles",
    "digest",
    "keys_of",
    "open_files",
    "verify",
]

_DIGEST = re.compile(r"[0-9a-f]{64}")
BESIDE = ".key"
MARKS = "keys"
_KNOWN = b"\0" * 32
"""What each key of the operator seals once, to be known again."""


def digest(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Files(Protocol):
    """Content-addressed bytes. What `put` answered for is durable; `get` of an unknown digest is NotFound."""

    async def put(self, content: bytes) -> str: ...

    async def get(self, sha256: str) -> bytes: ...

    async def exists(self, sha256: str) -> bool: ...

    async def remove(self, sha256: str) -> None: ...

    async def probe(self) -> None: ...


class StoredFiles:
    """Documents in some place. With keys, what is put is sealed; what was put before opens as it is, sealed or not."""

    def __init__(self, blobs: Blobs, keys: Keys | None = None) -> None:
        self._blobs = blobs
        self._keys = keys or Keys()
        self._marked = False

    async def put(self, content: bytes) -> str:
        name = digest(content)
        if await self._blobs.exists(name):
            return name
        pieces: Iterable[bytes] = [content]
        if self._keys.current:
            pieces = seal(pieces, await self._data_key(name), name)
        await self._blobs.create(name, pieces)
        return name

    async def get(self, sha256: str) -> bytes:
        """Raises Damaged where the bytes are not those that were put, Unavailable where their key is not in the settings."""
        name = _named(sha256)
        try:
            content = await self._blobs.read(name)
        except NotFound:
            raise NotFound(f"no document with the digest {sha256}") from None
        if content.startswith(MAGIC) and await self._blobs.exists(name + BESIDE):
            kept = await self._blobs.read(name + BESIDE)
            return await asyncio.to_thread(self._opened, content, kept, name)
        return await asyncio.to_thread(_as_named, content, name)

    async def exists(self, sha256: str) -> bool:
        return await self._blobs.exists(_named(sha256))

    async def remove(self, sha256: str) -> None:
        """The bytes are gone, and their key first: what is sealed is lost with it, also where it was copied. Of an unknown digest nothing happens."""
        name = _named(sha256)
        await self._blobs.remove(name + BESIDE)
        await self._blobs.remove(name)

    async def probe(self) -> None:
        """Unavailable with the reason, where nothing can be written."""
        await self._blobs.probe()

    async def documents(self) -> AsyncIterator[str]:
        """The names of all documents."""
        async for name in self._blobs.names():
            if _DIGEST.fullmatch(name):
                yield name

    async def is_sealed(self, name: str) -> bool:
        return await self._blobs.begin(name, len(MAGIC)) == MAGIC and await self._blobs.exists(name + BESIDE)

    async def seal_stored(self, name: str) -> bool:
        """Seal one that was put before there were keys; False where it is sealed. Damaged, and left as it is, where it is not what it is named."""
        if await self.is_sealed(name):
            return False
        data_key = await self._data_key(name)
        await self._blobs.change(name, lambda pieces: seal(_checked(pieces, name), data_key, name))
        return True

    async def wrap_anew(self, name: str) -> bool:
        """Seal the data key of one by the current key, its contents untouched; False where it is, or where nothing is sealed."""
        beside = name + BESIDE
        if not await self._blobs.exists(beside):
            return False
        kept = await self._blobs.read(beside)
        if wrapped_of(kept, name).key == self._keys.current:
            return False
        await self._mark()
        await self._blobs.replace(beside, self._keys.wrap(self._keys.unwrap(kept, name), name))
        return True

    async def used_keys(self) -> list[str]:
        """The ids of the keys that documents may be sealed with, each tried: SetupError names those that are missing or are others than they were."""
        used = [name.partition("/")[2] async for name in self._blobs.names(MARKS)]
        for id in used:
            if id not in self._keys.by_id:
                raise SetupError(
                    f"documents are sealed with the key {id!r}, which MAILLAGE_FILES_KEYS does not have: give it back"
                )
            try:
                self._keys.unwrap(await self._blobs.read(f"{MARKS}/{id}"), f"{MARKS}/{id}")
            except Damaged:
                raise SetupError(
                    f"the key {id!r} of MAILLAGE_FILES_KEYS is another than the one documents are sealed with"
                ) from None
        return used

    async def forget_key(self, id: str) -> None:
        """No document is sealed with this key any more."""
        await self._blobs.remove(f"{MARKS}/{id}")

    async def _data_key(self, name: str) -> bytes:
        """That of the document, made where there is none: two who put the same bytes at once use the same."""
        await self._mark()
        data_key = new_data_key()
        if await self._blobs.claim(name + BESIDE, self._keys.wrap(data_key, name)):
            return data_key
        return self._keys.unwrap(await self._blobs.read(name + BESIDE), name)

    async def _mark(self) -> None:
        if not self._marked:
            name = f"{MARKS}/{self._keys.current}"
            await self._blobs.claim(name, self._keys.wrap(_KNOWN, name))
            self._marked = True

    def _opened(self, content: bytes, kept: bytes, name: str) -> bytes:
        try:
            return b"".join(unseal([content], self._keys.unwrap(kept, name), name))
        except Damaged:
            if digest(content) == name:  # a document that only begins like one that is sealed
                return content
            raise


class LocalFiles(StoredFiles):
    """A folder, two levels deep. A file appears whole or not at all, and is on the disk before `put` returns."""

    def __init__(self, folder: Path, keys: Keys | None = None) -> None:
        super().__init__(Folder(folder), keys)
        self.folder = folder


class ObjectFiles(StoredFiles):
    """An object store (`blobs.Objects`)."""

    def __init__(self, url: str, keys: Keys | None = None) -> None:
        super().__init__(Objects(url), keys)


def open_files(url: str, *, folder: Path, keys: Keys | None = None) -> StoredFiles:
    """The store at `url`, or the local folder where it is empty."""
    return ObjectFiles(url, keys) if url else LocalFiles(folder, keys)


def _named(sha256: str) -> str:
    if not _DIGEST.fullmatch(sha256):
        raise Invalid(f"{sha256!r} is not a SHA-256 in hexadecimal")
    return sha256


def _as_named(content: bytes, name: str) -> bytes:
    if digest(content) != name:
        raise _damaged(name)
    return content


def _checked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The same, and Damaged at their end where they are not what they are named."""
    seen = hashlib.sha256()
    for piece in pieces:
        seen.update(piece)
        yield piece
    if seen.hexdigest() != name:
        raise _damaged(name)


def verify(name: str, content: bytes, beside: bytes | None, keys: Keys) -> None:
    """Damaged where what is stored as this is not; what is sealed by a key that is not ours is believed."""
    if beside is None or not content.startswith(MAGIC):
        _as_named(content, name)
    elif wrapped_of(beside, name).key in keys.by_id:
        _as_named(b"".join(unseal([content], keys.unwrap(beside, name), name)), name)


def _damaged(name: str) -> Damaged:
    return Damaged(f"the document {name} is not as it was stored", french="ce document a été modifié ou abîmé dans le stockage")
