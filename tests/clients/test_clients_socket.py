"""Addresses as a client may send them over a socket: how long the web server lets them through, and who says what is wrong."""

import http.client
from urllib.parse import urlsplit

from maillage.fhir import json
from maillage.fhir.query_strings import MAX_QUERY
from tests.clients.conftest import Served

SERVERS_OWN = 65_534
"""Bytes of the longest address that the web server reads; a longer one it refuses itself, without a word."""


async def test_an_address_too_long_is_refused_before_the_server_would(served: Served) -> None:
    assert _asked(served, MAX_QUERY)[0] == 200
    for length in (MAX_QUERY + 1, SERVERS_OWN - len("/fhir/Patient?")):
        status, body = _asked(served, length)
        issue = json.loads(body.encode())["issue"][0]
        assert (status, issue["code"], f"{MAX_QUERY} bytes" in issue["diagnostics"]) == (414, "too-long", True)
    assert _asked(served, SERVERS_OWN) == (414, "")


def _asked(served: Served, length: int) -> tuple[int, str]:
    """The status and body of a search whose query has so many bytes."""
    place = urlsplit(served.base)
    query = "gender=" + "x" * (length - len("gender="))
    connection = http.client.HTTPConnection(place.netloc, timeout=30)
    try:
        connection.request("GET", f"{place.path}/Patient?{query}", headers={"Authorization": f"Bearer {served.token}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
