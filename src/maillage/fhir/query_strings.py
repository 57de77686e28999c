"""The parameters of a query string or form, in their order, and links that say them. What is too long is refused before it is taken apart."""

import re
from collections.abc import Sequence
from urllib.parse import quote_plus, unquote

from maillage.errors import Invalid, Issue

MAX_QUERY = 60_000
"""Bytes of an address's query. The web server takes no longer address than 65,534 bytes and could not say why."""
MAX_FORM = 600_000
"""Bytes of a form: as many as the longest search (`search.parse.MAX_LENGTH`) takes when each of its characters is escaped."""
MOST = 1_000
"""Parameters of either."""
_PLAIN = re.compile(r"[\w.~-]*", re.ASCII)
"""What stands for itself."""

Pairs = list[tuple[str, str]]


def of_query(text: str) -> Pairs:
    """The pairs of the query of an address, of an entry of a bundle, of criteria. Invalid past `MAX_QUERY` or `MOST`."""
    return _taken_apart(text, MAX_QUERY)


def of_form(text: str) -> Pairs:
    """The pairs of a form. Invalid past `MAX_FORM` or `MOST`."""
    return _taken_apart(text, MAX_FORM)


def links_of(address: str, pairs: Sequence[tuple[str, str]], following: str | None) -> list[dict[str, str]]:
    """Bundle.link of a page found at this address by these parameters; `following` is the cursor of the next page.

    Invalid where the address of the next page would be refused: a page without its next would pass for all that there is.
    """
    links = [{"relation": "self", "url": _with(address, pairs)}]
    if following is not None:
        further = _with(address, [*pairs, ("_cursor", following)])
        if (length := len(further) - len(address) - 1) > MAX_QUERY:
            raise _too_long(
                f"there is more than one page, and the query of the next would have {length} bytes, not {MAX_QUERY} at most: "
                "ask with fewer values, or for all on one page (_count)"
            )
        links.append({"relation": "next", "url": further})
    return links


def _with(address: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{address}?{'&'.join(f'{_escaped(name)}={_escaped(value)}' for name, value in pairs)}" if pairs else address


def _taken_apart(text: str, longest: int) -> Pairs:
    if len(text) > longest:
        raise _too_long(f"a query has {longest} bytes at most, not {len(text)}")
    if (many := text.count("&") + 1) > MOST:
        raise _too_long(f"a query has {MOST} parameters at most, not {many}")
    parts = (part.partition("=") for part in text.split("&") if part)
    return [(_unescaped(name), _unescaped(value)) for name, _, value in parts]


# As `parse_qsl` and `urlencode` of the standard library do, at a quarter of their cost: most names and values need nothing.


def _unescaped(text: str) -> str:
    text = text.replace("+", " ")
    return unquote(text) if "%" in text else text


def _escaped(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote_plus(text)


def _too_long(message: str) -> Invalid:
    return Invalid(message, issues=[Issue("too-long", message)])
