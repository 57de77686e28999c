"""Folding of text for search: both the stored value and the searched one pass through here, never through SQL."""

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=8_192)
def fold(text: str) -> str:
    """Lower case, without accents or other combining marks, blanks joined: `Éloïse  LE GOFF` becomes `eloise le goff`."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(text.casefold().split())
