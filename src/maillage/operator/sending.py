"""`maillage send`: documents and messages as a hospital sends them, and what was answered."""

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx

from maillage.clock import SystemClock
from maillage.config import Config
from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.letter import letter
from maillage.errors import SetupError

ACCEPTED = "AA"


def send(config: Config, files: Sequence[Path], *, to: str, address: str, token: str) -> int:
    """Sends each file and prints a line for each; status 1 when one was refused."""
    contents = [(path, _read(path)) for path in files]
    if to == "mllp":
        return asyncio.run(_by_mllp(contents, address or config.mllp))
    return asyncio.run(_by_fhir(contents, address or f"{config.base_url}/fhir", token))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SetupError(f"{path}: {fault.strerror}") from fault


async def _by_mllp(contents: Sequence[tuple[Path, bytes]], address: str) -> int:
    host, _, port = address.rpartition(":")
    refused = 0
    async with await Client.connect(host, int(port)) as client:
        for path, content in contents:
            answer = await client.send(_message(content))
            code = answer.value("MSA-1")
            refused += code != ACCEPTED
            why = "" if code == ACCEPTED else f"  {answer.value('ERR-2')} {answer.value('ERR-8') or answer.value('MSA-3')}"
            print(f"{code}  {path.name}{why}")
    return 1 if refused else 0


def _message(content: bytes) -> bytes:
    """A message as it is; a bare CDA in an MDM^T02, as a hospital's interface engine wraps it."""
    if content.lstrip(b"\xef\xbb\xbf \r\n\t\x0b").startswith(b"MSH"):
        return content
    return letter(content, control_id=uuid4().hex[:20], at=SystemClock().now())


async def _by_fhir(contents: Sequence[tuple[Path, bytes]], base: str, token: str) -> int:
    """Each CDA as IHE MHD ITI-105 (simplified publish): a DocumentReference that carries its bytes."""
    refused = 0
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for path, content in contents:
            response = await client.post(f"{base}/DocumentReference", content=json.dumps(published(content)))
            refused += response.status_code >= 400
            print(f"{response.status_code}  {path.name}  {response.headers.get('Location') or _reason(response)}")
    return 1 if refused else 0


def published(content: bytes) -> dict[str, object]:
    """The DocumentReference of ITI-105; the receiver reads the rest of the metadata from the header of the CDA."""
    attachment = {"contentType": "text/xml", "data": base64.b64encode(content).decode()}
    return {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["issue"][0]["diagnostics"])
    except (ValueError, LookupError):
        return response.reason_phrase
