"""Where a request comes from: its connection, or what a reverse proxy that the operator named says of it."""

import ipaddress

from maillage.http.request import Request

UNKNOWN = "unknown"


def address_of(request: Request) -> str:
    """The address of whoever asks. `X-Forwarded-For` is believed from the proxies of `MAILLAGE_PROXIES` only: anybody can write one."""
    peer = request.client.host if request.client else UNKNOWN
    proxies = frozenset(one.strip() for one in request.app.state.platform.config.proxies.split(",") if one.strip())
    if peer not in proxies:
        return peer
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
    said = next((hop for hop in reversed(hops) if hop not in proxies), peer)
    return said if _is_address(said) else peer


def neighbourhood_of(address: str) -> str:
    """What is counted as one: an IPv4 address, or the 64 bits of IPv6 that a household or a ward has for itself (RFC 6177)."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
