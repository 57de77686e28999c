"""French words as full text search compares them: without case, accents and elisions, and with the endings by which accents would tell forms apart.

Stored and searched words both pass through here, then through PostgreSQL's French stemmer (`migrations/0004_words.sql`). That
stemmer reads accents to find endings (`opérée`, `infirmière`), and records are often written without (`OPEREE`): `form` leaves
endings that it takes off just as well.
"""

import re
import unicodedata
from functools import lru_cache

_STOP = """
    au aux avec ce ces dans de des du elle en et eux il je la le leur lui ma mais me même mes moi mon ne nos notre nous on ou par pas pour
    que qui sa se ses son sur ta te tes toi ton tu un une vos votre vous à y été étée étées étés étant étante étants étantes suis es est sommes
    êtes sont serai seras sera serons serez seront serais serait serions seriez seraient étais était étions étiez étaient fus fut fûmes fûtes
    furent sois soit soyons soyez soient fusse fusses fût fussions fussiez fussent ayant ayante ayantes ayants eu eue eues eus ai as avons avez
    ont aurai auras aura aurons aurez auront aurais aurait aurions auriez auraient avais avait avions aviez avaient eut eûmes eûtes eurent aie
    aies ait ayons ayez aient eusse eusses eût eussions eussiez eussent les"""
_ACCENTED = frozenset(_STOP.split())

_ELIDED = frozenset({*"cdjlmnst", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"})
_APOSTROPHES = "'’"
_WORD = re.compile(rf"[^\W_]+(?:[{_APOSTROPHES}](?=[^\W_]))?")
"""A word, with the apostrophe that joins it to the next one."""
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
_FEMININE = (("ees", "es"), ("ee", "e"), ("ieres", "iers"), ("iere", "ier"))
LONGEST = 60
"""Letters of a word that count; the longest French word in use has 25."""


def words(text: str) -> list[str]:
    """The forms of the words of a text in their order, without stop words."""
    return [
        found for word in _WORD.findall(unicodedata.normalize("NFC", text.lower()).replace("ʼ", "’")) if (found := _form(word))
    ]


@lru_cache(maxsize=16_384)
def _form(word: str) -> str:
    """Empty for a stop word and for what is elided: of `l’hôpital` stays `hopital`, while `vitamine D` keeps its letter. `né` is none, although `ne` is."""
    lower = word.rstrip(_APOSTROPHES)
    if lower in (_PLAIN if lower.isascii() else _ACCENTED) or (lower != word and lower in _ELIDED):
        return ""
    folded = _folded(lower)[:LONGEST]
    return next((folded.removesuffix(ending) + other for ending, other in _FEMININE if folded.endswith(ending)), folded)


def _folded(lower: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
    return "".join(filter(str.isalnum, plain.casefold().translate(_LIGATURES)))


_PLAIN = frozenset(map(_folded, _ACCENTED))
"""The stop words as they are written where nobody writes accents."""
