"""Addresses that somebody outside gave: which are asked, and which never are."""

from ipaddress import ip_address, ip_network

import pytest

from maillage.connectors.outgoing import Outgoing, Unreachable, is_public

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]
OURS = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1",
    "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "fec0::1", "::7f00:1", "64:ff9b:1::7f00:1", "2001:0:7f00:1::",
]  # fmt: skip


def test_what_is_inside_a_network_is_never_public_however_it_is_written() -> None:
    assert [one for one in PUBLIC if not is_public(ip_address(one))] == []
    assert [one for one in OURS if is_public(ip_address(one))] == []


ADDRESSES = (
    "https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "http://93.184.215.14/", "ftp://example.org/",
    "https://user@example.org/", "https://example.org/#x", "https://", "file:///etc/passwd", "https://[::ffff:7f00:1]/", "https://127.1:99999/",
)  # fmt: skip


async def test_no_such_address_is_asked() -> None:
    for url in ADDRESSES:
        with pytest.raises(Unreachable):
            await Outgoing().get(url)


async def test_what_the_operator_allows_is_no_more_than_that() -> None:
    with pytest.raises(Unreachable, match="network"):
        await Outgoing(allowed=[ip_network("10.0.0.0/8")]).get("http://127.0.0.1:9/")
    with pytest.raises(Unreachable, match="answer"):
        await Outgoing(allowed=[ip_network("127.0.0.0/8")]).get("http://127.0.0.1:9/")
