"""How often somebody may try to come in. A limit that bars others from an account for long would be a weapon: those by account are short and wide,
those by address narrow, and passkeys know none of those by account.
"""

from dataclasses import dataclass
from datetime import timedelta

WINDOW = timedelta(minutes=15)
LONG_WINDOW = timedelta(hours=1)
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """What was tried within a WINDOW, this try included: of an account from an address, of an account, from an address.

    `codes` are wrong codes behind the right password within a LONG_WINDOW: whoever knows the password could otherwise try them all.
    """

    pair: int = 0
    account: int = 0
    address: int = 0
    codes: int = 0


MOST = Tries(pair=6, account=40, address=120, codes=6)


def too_many(tries: Tries) -> bool:
    """Whether the try is refused whatever it says."""
    return tries.pair > MOST.pair or tries.account > MOST.account or tries.codes > MOST.codes or from_too_many(tries)


def from_too_many(tries: Tries) -> bool:
    """Whether the address alone has tried too often: nothing is looked up for it."""
    return tries.address > MOST.address
