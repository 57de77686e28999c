"""What a software is told when it is refused: the codes of OAuth 2.0 (RFC 6749 §5.2 and §4.1.2.1, RFC 7591 §3.2.2)."""

from typing import ClassVar

from maillage.errors import Invalid


class Refused(Invalid):
    """The request is refused, with a code of OAuth. `field` is the parameter or metadata at fault, where one is."""

    challenge: ClassVar[bool] = False

    def __init__(self, error: str, message: str, *, field: str = "", french: str = "") -> None:
        super().__init__(message, french=french)
        self.error = error
        self.field = field


class UnknownClient(Refused):
    """The software did not prove who it is."""

    status = 401
    challenge = True

    def __init__(self, message: str = "The client did not prove who it is.") -> None:
        super().__init__("invalid_client", message)


class Untrusted(Refused):
    """Nothing may be sent to the address that the request names: whoever sits before the browser is told, and no one else."""
