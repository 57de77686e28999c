"""Cursors: where a page ended, by the keys of its order. Opaque to clients, and good for the search that gave it only."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b

from maillage.fhir.past import foreign_cursor
from maillage.fhir.search.query import SearchQuery, SeveralQuery

_DIGEST = 6


def write(query: SearchQuery | SeveralQuery, keys: list[str]) -> str:
    """The cursor of the page after the row with these keys."""
    text = json.dumps(keys, separators=(",", ":")).encode()
    return urlsafe_b64encode(_seal(query, text) + text).decode().rstrip("=")


def read(query: SearchQuery | SeveralQuery) -> list[str] | None:
    """The keys in the query's cursor; None without one. One that this search did not give is Invalid."""
    if query.cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
        seal, text = raw[:_DIGEST], raw[_DIGEST:]
        if seal == _seal(query, text):
            return [str(key) for key in json.loads(text)]
    except ValueError:
        pass
    raise foreign_cursor("search")


def _seal(query: SearchQuery | SeveralQuery, text: bytes) -> bytes:
    """Binds a cursor to the type, conditions and order of its search; the size of a page may change."""
    search = blake2b(query.identity.encode(), digest_size=32)
    return blake2b(text, key=search.digest(), digest_size=_DIGEST).digest()
