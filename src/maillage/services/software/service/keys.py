"""Public keys of software: those registered with it, or those at its address, kept for a while."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from maillage.clock import monotonic
from maillage.connectors.outgoing import Outgoing, Unreachable
from maillage.services.software.rules.registration import MOST_KEYS
from maillage.services.software.service.registry import Software

KEPT = 300.0  # seconds that a fetched set is believed
AGAIN = 30.0  # seconds before an address is asked once more, whatever it answered
ADDRESSES = 256

Key = Mapping[str, Any]


class Keys:
    """The sets that were fetched, in one process."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._fetched: OrderedDict[str, tuple[float, Sequence[Key]]] = OrderedDict()

    async def of(self, software: Software, kid: str) -> Sequence[Key]:
        """The keys by this name. An address is asked anew for a name that it did not have, but not more than now and then.

        Empty where there is no such key. Raises Unreachable where the address does not answer and nothing of it is kept.
        """
        if not software.jwks_uri:
            return _named(_listed(software.jwks), kid)
        since, held = self._fetched.get(software.jwks_uri, (-KEPT, ()))
        age = monotonic() - since
        if age < AGAIN or (age < KEPT and _named(held, kid)):
            return _named(held, kid)
        return _named(await self._fetch(software.jwks_uri), kid)

    async def _fetch(self, url: str) -> Sequence[Key]:
        found: Sequence[Key] = ()
        try:
            found = _listed(_decoded(await self._outgoing.get(url)))
        finally:
            self._fetched[url] = (monotonic(), found)
            self._fetched.move_to_end(url)
            if len(self._fetched) > ADDRESSES:
                self._fetched.popitem(last=False)
        return found


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Unreachable("the address answers no JWK Set") from None


def _listed(held: object) -> Sequence[Key]:
    keys = held.get("keys") if isinstance(held, Mapping) else None
    return [one for one in keys[:MOST_KEYS] if isinstance(one, dict)] if isinstance(keys, list) else []


def _named(keys: Sequence[Key], kid: str) -> Sequence[Key]:
    return [one for one in keys if one.get("kid") == kid and one.get("use", "sig") == "sig"]
