"""The one tree of errors. Raised where the fault is known, rendered once at the door (page, OperationOutcome or ACK)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault, in the terms of OperationOutcome.issue (FHIR R4 §2.36).

    `code` is from the issue-type value set, `expression` the FHIRPath (or parameter name) of the place.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    severity: str = "error"


class MaillageError(Exception):
    """Something went wrong in a way that has a name.

    `message` is read in logs and by API clients, in English. `french` says the same to whoever reads a page or an HL7 v2 answer; empty
    where the class says enough.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"

    def __init__(self, message: str, *, issues: Sequence[Issue] = (), french: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.french = french
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue(code=self.code, diagnostics=message),)

    @classmethod
    def at(cls, expression: str, message: str) -> Self:
        """The error of one place: an element, or a parameter."""
        return cls(message, issues=[Issue(cls.code, message, expression)])


class Invalid(MaillageError):
    """What was sent breaks a rule; the issues name each place and rule."""

    status = 400
    code = "invalid"


class Unprocessable(Invalid):
    """Well-formed, but refused by a business or profile rule."""

    status = 422
    code = "business-rule"


class Infected(Unprocessable):
    """The operator's scanner knows what was sent as malicious."""

    code = "security"


class Unauthenticated(MaillageError):
    """Nobody is signed in, or the proof of identity is no longer good."""

    status = 401
    code = "login"


class Forbidden(MaillageError):
    """The actor may not do this."""

    status = 403
    code = "forbidden"


class InsufficientScope(Forbidden):
    """The software through which someone acts was not granted this (RFC 6750 §3.1)."""


class Forged(Forbidden):
    """A form that no page of ours sent, or that another site had sent."""


class NotFound(MaillageError):
    """Nothing by that name that the actor may see."""

    status = 404
    code = "not-found"


class Gone(MaillageError):
    """It was deleted."""

    status = 410
    code = "deleted"


class Conflict(MaillageError):
    """It collides with what is already there."""

    status = 409
    code = "conflict"


class PreconditionFailed(MaillageError):
    """The version named by the writer is not the current one."""

    status = 412
    code = "conflict"


class Damaged(MaillageError):
    """What is kept is not what was stored: changed, cut or mixed up where it lay."""


class TooLarge(MaillageError):
    """More bytes than the door takes."""

    status = 413
    code = "too-long"


class TooSlow(MaillageError):
    """A body that comes more slowly than any network that works."""

    status = 408
    code = "timeout"


class AddressTooLong(MaillageError):
    """More bytes of address than the door takes."""

    status = 414
    code = "too-long"


class Unsupported(MaillageError):
    """A media type or form that this door does not speak."""

    status = 415
    code = "not-supported"


class NotAcceptable(MaillageError):
    """The client asks for a form of answer that is not spoken here."""

    status = 406
    code = "not-supported"


class TooMany(MaillageError):
    """Whoever asks has asked too often; `wait` says after how many seconds they may ask again, `first` whether it is the first time in a minute."""

    status = 429
    code = "throttled"

    def __init__(self, message: str, *, wait: int, first: bool = True) -> None:
        super().__init__(message)
        self.wait = wait
        self.first = first


class Unavailable(MaillageError):
    """A part that is needed does not answer now; the same request may succeed later."""

    status = 503
    code = "transient"


class SetupError(MaillageError):
    """The installation itself is at fault; the message says what to mend."""

    code = "exception"
