"""Asking an address that somebody outside gave: never one inside our network, never more than a little, never for long.

The name is resolved here, each address that it stands for must be public, and the connection goes to the one that was checked: a name that changes
in between leads nowhere else. Redirects are not followed, proxies of the environment not used.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maillage.errors import MaillageError

if TYPE_CHECKING:
    import httpx

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]
LONGEST = 64 * 1024  # bytes of an answer
PATIENCE = 5.0  # seconds for all of it
PORTS = {"https": 443, "http": 80}


class Unreachable(MaillageError):
    """An address outside was not asked, or did not answer as it should. The message says why, never what it answered."""

    status = 502
    code = "transient"


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str


class Outgoing:
    """`allowed` are networks of our own that may be asked all the same, also without TLS: of an intranet, of tests."""

    def __init__(self, *, allowed: Networks = ()) -> None:
        self._allowed = allowed

    async def get(self, url: str) -> bytes:
        """The body of a 200 answer of LONGEST bytes at most. Raises Unreachable."""
        status, body = await self._answer(url, "GET", {"accept": "application/json"}, b"")
        if status != 200:
            raise Unreachable(f"the address answers {status}")
        return body

    async def post(self, url: str, content: bytes, *, headers: Mapping[str, str]) -> int:
        """The status of the answer; what it says is not read. Raises Unreachable."""
        status, _ = await self._answer(url, "POST", headers, content)
        return status

    async def _answer(self, url: str, method: str, headers: Mapping[str, str], content: bytes) -> tuple[int, bytes]:
        import httpx  # read when the first address is asked

        target = _target(url)
        try:
            async with asyncio.timeout(PATIENCE):
                address = await self._checked(target)
                return await self._asked(target, address, method, headers, content)
        except TimeoutError:
            raise Unreachable("the address does not answer in time") from None
        except (httpx.HTTPError, OSError) as error:
            raise Unreachable(f"the address does not answer ({type(error).__name__})") from error

    async def _checked(self, target: _Target) -> Address:
        """One address of the host, all of which may be asked."""
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        ours = [one for one in addresses if self._is_allowed(one)]
        if not addresses or not all(one in ours or is_public(one) for one in addresses):
            raise Unreachable("the address is inside a network that is not asked from here")
        if target.scheme != "https" and len(ours) < len(addresses):
            raise Unreachable("the address is asked by https only")
        return addresses[0]

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)

    async def _asked(
        self, target: _Target, address: Address, method: str, more: Mapping[str, str], content: bytes
    ) -> tuple[int, bytes]:
        import httpx

        literal = f"[{address}]" if address.version == 6 else str(address)
        default = target.port == PORTS[target.scheme]
        headers = {
            "host": target.host if default else f"{target.host}:{target.port}",
            "accept-encoding": "identity",
            **more,
        }
        async with httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=PATIENCE) as client:
            request = client.build_request(
                method,
                f"{target.scheme}://{literal}:{target.port}{target.path}",
                headers=headers,
                content=content or None,
                extensions={"sni_hostname": target.host},
            )
            response = await client.send(request, stream=True)
            try:
                return response.status_code, await _body(response) if method == "GET" and response.status_code == 200 else b""
            finally:
                await response.aclose()


async def _body(response: "httpx.Response") -> bytes:
    taken = b""
    async for chunk in response.aiter_raw():
        taken += chunk
        if len(taken) > LONGEST:
            raise Unreachable("the address answers more than is taken")
    return taken


def is_public(address: Address) -> bool:
    """Whether an address is of the internet, also as it is written inside one of IPv6 (mapped, 6to4, NAT64, Teredo)."""
    inside = [address]
    if isinstance(address, IPv6Address):
        if address.is_site_local:  # fec0::/10, which Python counts among the global ones
            return False
        number = int(address)
        nat64 = IPv4Address(number & 0xFFFFFFFF) if address in IPv6Network("64:ff9b::/96") else None
        teredo = address.teredo[1] if address.teredo else None
        inside += [one for one in (address.ipv4_mapped, address.sixtofour, nat64, teredo) if one is not None]
        if address.ipv4_mapped or nat64:
            inside = inside[1:]
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in inside)


def _target(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unreachable("this is no address") from None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise Unreachable("this is no address that is asked")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)
