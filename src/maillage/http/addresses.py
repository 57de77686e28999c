"""Who asks, as far as their address tells: for limits and for the list of devices."""

import ipaddress

from maillage.http.origins import origin_of
from maillage.http.request import Request

UNKNOWN = "unknown"


def address_of(request: Request) -> str:
    """The address of whoever asks (`origins.origin_of`), or `UNKNOWN`."""
    return origin_of(request, request.app.state.proxies) or UNKNOWN


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
