"""The letters that the emulator took, in memory, and its SMTP door."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from maillage.clock import Clock

KEPT = 5000
LONGEST = 20_000_000
UNKNOWN = "inconnu@"
BUSY = "occupe@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One letter as it arrived. `recipients` are those of the envelope, `original` its bytes."""

    number: int
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    original: bytes

    @property
    def message(self) -> EmailMessage:
        """The letter, parsed."""
        parsed: EmailMessage = message_from_bytes(self.original, policy=default)
        return parsed

    @property
    def text(self) -> str:
        """Its plain text, empty when it has none."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body is not None else ""


class Mailbox:
    """Every mailbox of the emulator: an address exists as soon as someone writes to it.

    To try what a real server does: an address that begins with « inconnu@ » is refused for good, « occupe@ » for now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._letters: deque[Received] = deque(maxlen=KEPT)
        self._count = 0

    def take(self, sender: str, recipients: tuple[str, ...], original: bytes) -> Received:
        """Keep one letter; the oldest leaves when there are more than KEPT."""
        self._count += 1
        letter = Received(number=self._count, at=self._clock.now(), sender=sender, recipients=recipients, original=original)
        self._letters.append(letter)
        return letter

    def letters(self, to: str = "") -> list[Received]:
        """The letters of an address, or all of them, the latest first."""
        wanted = to.lower()
        return [one for one in reversed(self._letters) if not wanted or wanted in (name.lower() for name in one.recipients)]

    def letter(self, number: int) -> Received | None:
        """One letter, None when it is not here any more."""
        return next((one for one in self._letters if one.number == number), None)

    # aiosmtpd calls these by name.

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:  # fmt: skip
        """One recipient."""
        if address.startswith(UNKNOWN):
            return "550 5.1.1 no mailbox here"
        if address.startswith(BUSY):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """The letter itself."""
        content = envelope.original_content or b""
        letter = self.take(envelope.mail_from or "", tuple(envelope.rcpt_tos), content)
        return f"250 OK letter {letter.number}"


@asynccontextmanager
async def smtp_door(
    mailbox: Mailbox, *, host: str, port: int, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Take letters while the block lasts; gives the address `host:port` (port 0 chooses one)."""
    options: dict[str, Any] = {"data_size_limit": LONGEST, "enable_SMTPUTF8": True, "hostname": "emulateur.example"}
    if starttls is not None:
        options |= {"tls_context": starttls, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop, **options), host=host, port=port, ssl=tls)
    try:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
