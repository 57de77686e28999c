"""The SMTP client."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum

import aiosmtplib

from maillage.clock import Clock
from maillage.errors import Invalid, Unavailable

PATIENCE = 10.0


class TransportSecurity(StrEnum):
    """How the connection is protected: not at all (this machine), by STARTTLS (port 587), or from the start (port 465)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice in plain text. It holds no health data: ordinary mail is read by others.

    `key` makes the Message-ID: the same letter sent twice is recognised by the reader's mail program.
    """

    to: str
    subject: str
    text: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPart:
    """What the probe found, for `/health`."""

    ok: bool
    detail: str
    measures: Mapping[str, float] = field(default_factory=dict)


class Mailer:
    """Sends letters through one SMTP server. Raises Unavailable when it may go well later, Invalid when it never will."""

    def __init__(
        self,
        *,
        address: str,
        sender: str,
        clock: Clock,
        security: TransportSecurity = TransportSecurity.NONE,
        user: str = "",
        password: str = "",
        context: ssl.SSLContext | None = None,
    ) -> None:
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._sender = sender
        self._clock = clock
        self._security = security
        self._user, self._password = user, password
        self._context = context or (ssl.create_default_context() if security is not TransportSecurity.NONE else None)

    async def send(self, letter: Letter) -> None:
        """Hand one letter to the server; it has answered for it when this returns."""
        try:
            message = self._message(letter)
        except ValueError as error:
            raise Invalid("An address or a subject holds a line break.") from error
        if [one.addr_spec for one in message["To"].addresses] != [letter.to.strip()]:
            raise Invalid("A letter goes to the address of one mailbox.")
        try:
            async with self._client() as client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal([refused.code for refused in error.recipients]) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Invalid("The mail server takes no such address.") from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal([error.code]) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server does not answer ({type(error).__name__}).") from error
        except ValueError as error:
            raise Invalid("The mail server takes no such address.") from error

    async def probe(self) -> MailPart:
        """Whether the server greets us."""
        try:
            async with self._client() as client:
                await client.noop()
        except (aiosmtplib.SMTPException, OSError) as error:
            return MailPart(ok=False, detail=f"Le serveur de messagerie ne répond pas ({type(error).__name__}).")
        return MailPart(ok=True, detail="Le serveur de messagerie répond.")

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=PATIENCE,
            use_tls=self._security is TransportSecurity.TLS,
            start_tls=self._security is TransportSecurity.STARTTLS,
            tls_context=self._context,
            username=self._user or None,
            password=self._password or None,
        )

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{letter.key}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, cte="quoted-printable")
        return message


def _refusal(codes: list[int]) -> Invalid | Unavailable:
    """RFC 5321 §4.2.1: 4xx may go well later, 5xx never will."""
    if any(code >= 500 for code in codes):
        return Invalid(f"The mail server refuses the letter ({max(codes)}).")
    return Unavailable(f"The mail server asks to come back later ({max(codes, default=0)}).")
