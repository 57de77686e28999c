"""What is sent to be kept, at every door: how long a file, how many in a resource, of which types, whether it is what it says, and what a scanner says of it."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from maillage.errors import Infected, Issue, TooLarge, Unprocessable, Unsupported
from maillage.files.kinds import contradiction, is_program, media_type
from maillage.files.scanning import NoScanner, Scanner

Resource = dict[str, Any]
LOOKED_AT = 2_048  # characters of base64: what tells a type is before
Found = tuple[str, str, str]  # place, declared type, base64


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """The operator's limits. `longest` is in bytes of one file, `most` in files of one resource; no `types`: all but programs."""

    longest: int = 20_000_000
    most: int = 100
    types: frozenset[str] = field(default_factory=frozenset)
    scanner: Scanner = field(default_factory=NoScanner)

    def check(self, resource: Resource) -> None:
        """TooLarge, Unsupported or Unprocessable, with the place, for the first file of a resource that is not taken."""
        found = list(_files(resource))
        if len(found) > self.most:
            raise TooLarge.at(resource["resourceType"], f"A resource carries {self.most} files at most, not {len(found)}.")
        for place, said, data in found:
            text = "".join(data.split())
            self.check_file(said, _begin_of(text, place), place, length=len(text) * 3 // 4 - text[-2:].count("="))

    def check_file(self, said: str, content: bytes, place: str, *, length: int | None = None) -> None:
        """The same of one file, whose declared type is `said`; `length` is its own, where `content` is only how it begins."""
        length = len(content) if length is None else length
        if length > self.longest:
            raise TooLarge.at(place, f"A file has {self.longest} bytes at most, not {length}.")
        if self.types and media_type(said) not in self.types:
            raise Unsupported.at(place, f"Files of type {said!r} are not taken here; taken: {', '.join(sorted(self.types))}.")
        if reason := contradiction(said, content):
            text = f"The file that is said to be {said!r} {reason}."
            raise Unprocessable(text, issues=[Issue("value", text, place)])

    def check_carried(self, said: str, content: bytes, place: str) -> None:
        """Of a file inside a clinical document: a letter is not refused for an image that is mislabelled, which no browser will guess at; only for its length, or for a program."""
        if len(content) > self.longest or is_program(said, content):
            self.check_file(said, content, place)

    async def scan(self, resource: Resource) -> None:
        """Infected, with the place, for the first file of a resource that the scanner knows; Unavailable where it has not looked. After `check`."""
        if not isinstance(self.scanner, NoScanner):
            for place, _, data in _files(resource):
                await self.scan_file(base64.b64decode(data), place)

    async def scan_file(self, content: bytes, place: str) -> None:
        """The same of one file."""
        if found := await self.scanner.found(content):
            text = f"The file is known as malicious ({found})."
            french = f"un fichier est connu comme malveillant ({found})"
            raise Infected(text, issues=[Issue(Infected.code, text, place)], french=french)


def _files(resource: Resource) -> Iterator[Found]:
    """Each Attachment that carries its bytes, and a Binary's own, wherever they stand."""
    waiting: list[tuple[str, Any]] = [(str(resource.get("resourceType", "")), resource)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, list):
            waiting += [(f"{place}[{number}]", each) for number, each in enumerate(one) if isinstance(each, dict | list)]
            continue
        data, said = one.get("data"), one.get("contentType")
        if isinstance(data, str) and (isinstance(said, str) or "size" in one or "hash" in one):
            yield place, said if isinstance(said, str) else "", data
        waiting += [(f"{place}.{name}", each) for name, each in one.items() if isinstance(each, dict | list)]


def _begin_of(data: str, place: str) -> bytes:
    try:
        return base64.b64decode(data[:LOOKED_AT], validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Unprocessable.at(f"{place}.data", "The data is not base64.") from fault
