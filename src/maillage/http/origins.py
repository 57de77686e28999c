"""Where a request comes from: the address of the network at its other end, behind the proxies that are ours."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

from maillage.errors import SetupError

Proxies = Sequence[IPv4Network | IPv6Network]
MOST = 20  # addresses of one header that are looked at


def trusted(setting: str) -> Proxies:
    """The networks of `proxies` ("10.0.0.0/8, 2001:db8::1"); SetupError for what is none."""
    try:
        return [ip_network(part.strip()) for part in setting.split(",") if part.strip()]
    except ValueError as fault:
        raise SetupError(f"MAILLAGE_PROXIES: {fault}") from None


def origin_of(request: Request, proxies: Proxies) -> str | None:
    """The address of whoever asks, None where the server does not know.

    What X-Forwarded-For says is believed from its end, as far as our own proxies wrote it: whoever asks may have written the rest.
    """
    if request.client is None:
        return None
    last = _address(request.client.host)
    if last is None or not proxies:
        return str(last) if last else None
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for text in reversed(said[-MOST:]):
        if not _ours(last, proxies):
            break
        if (before := _address(text.strip())) is None:
            break
        last = before
    return str(last)


def from_proxy(request: Request, proxies: Proxies) -> bool:
    """Whether the other end of the connection is a proxy of ours: only what it says of a client may be believed."""
    other = _address(request.client.host) if request.client else None
    return other is not None and _ours(other, proxies)


def _ours(address: IPv4Address | IPv6Address, proxies: Proxies) -> bool:
    return any(address in network for network in proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; one of IPv4 written as IPv6 is the same."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
