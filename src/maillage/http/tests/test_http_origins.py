"""Where a request comes from: what anybody may write in a header is not believed."""

import pytest
from starlette.requests import Request

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.db import Database
from maillage.errors import SetupError
from maillage.http.origins import origin_of, trusted
from tests.support.people import professional


def request(client: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return Request({"type": "http", "headers": headers, "client": (client, 1) if client else None})


@pytest.mark.parametrize(
    "client, forwarded, origin",
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("198.51.100.1",), "192.0.2.7"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.1, 10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", ("rubbish",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, ",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("2001:db8::5",), "2001:db8::5"),
        ("testclient", ("198.51.100.1",), None),
        (None, ("198.51.100.1",), None),
    ],
)
def test_only_our_proxies_say_where_from(client: str | None, forwarded: tuple[str, ...], origin: str | None) -> None:
    assert origin_of(request(client, *forwarded), trusted("10.0.0.0/8, ::1")) == origin


def test_without_proxies_no_header_counts() -> None:
    assert origin_of(request("10.0.0.1", "198.51.100.1"), trusted("")) == "10.0.0.1"


def test_a_bad_setting_stops_the_start() -> None:
    with pytest.raises(SetupError, match="MAILLAGE_PROXIES"):
        trusted("10.0.0.0/8, nowhere")


async def test_a_line_of_the_trail_says_where_from(access: Access, database: Database) -> None:
    async with access.act(professional("d", Role.GP), read_only=True, origin="192.0.2.7") as ctx:
        await ctx.records.find("Organization")
    async with database.transaction() as conn:
        rows = await (await conn.execute("select origin from audit")).fetchall()
    assert rows == [{"origin": "192.0.2.7"}]
