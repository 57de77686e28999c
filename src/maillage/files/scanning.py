"""What looks whether bytes are known as malicious, before they are kept: the operator's scanner, where there is one."""

from typing import Protocol


class Scanner(Protocol):
    """`found` answers the name of what a scanner knows the bytes as, None where it knows nothing against them. Unavailable where it does not answer."""

    async def found(self, content: bytes) -> str | None: ...


class NoScanner:
    """The operator has none: nothing is known of any file."""

    async def found(self, content: bytes) -> str | None:
        return None
