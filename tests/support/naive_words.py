"""A slow reading of `_text` over a few French words whose forms are known by heart: the part of the oracle of search tests that is about words."""

import re
import unicodedata
from typing import Any

FORMS = {
    "douleur": ("douleur", "Douleurs", "DOULEUR"),
    "opéré": ("opérée", "OPEREE", "opérés", "opere"),
    "pied": ("pied", "pieds"),
    "glycémie": ("glycémie", "glycemies", "GLYCÉMIE"),
    "infirmier": ("infirmière", "infirmieres", "Infirmier"),
    "hôpital": ("hôpital", "l’hôpital", "HOPITAL", "l'hopital"),
}
"""Words, each in forms that a reader takes for the same."""
STOPPED = ("le", "de", "et", "à", "au")


def plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold().replace("’", "'")) if not unicodedata.combining(c))


_WORD_OF = {plain(form): word for word, forms in FORMS.items() for form in forms}


def said(resource: dict[str, Any]) -> list[str]:
    """The words of the narrative in their order, without those that say nothing."""
    text = re.sub(r"<[^>]*>", " ", resource.get("text", {}).get("div", ""))
    return _words(text)


def has_text(resource: dict[str, Any], value: str) -> bool:
    """Whether the narrative is found by `words`, `"a phrase"`, `a OR b`, `a -b`."""
    found = said(resource)
    return any(all(_holds(found, part) for part in re.findall(r'-?"[^"]*"|\S+', one)) for one in value.split(" OR "))


def _holds(found: list[str], part: str) -> bool:
    if part.startswith("-"):
        return not _holds(found, part[1:])
    wanted = _words(part.strip('"'))
    return any(found[place : place + len(wanted)] == wanted for place in range(len(found) + 1))


def _words(text: str) -> list[str]:
    return [_WORD_OF[one] for one in plain(text).split() if one not in map(plain, STOPPED)]
