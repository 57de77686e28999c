"""How names sound in French: names that are said alike and written otherwise have the same key (`phonetic`).

The rules are ours, in the way of the French adaptations of Soundex (F. Brouard's Phonex, 1999): letters become sounds, nasal vowels one sound
each, what is not heard at the end goes. Unlike those, a key keeps its vowels and its length: a search answers few names that are not meant.
A capital is a sound that no letter writes by itself.
"""

import re
from functools import lru_cache

from maillage.fhir.text import fold

PARAMETER = "phonetic"
LONGEST = 60
"""Letters of a word that count."""

_SEPARATE = str.maketrans({"ç": "s", "Ç": "s", "œ": "oe", "Œ": "oe", "æ": "e", "Æ": "e"})
_WORD = re.compile(r"[^\W_]+")
_CONSONANT, _VOWEL, _NOT_NASAL = "[bdfgjklmnprstvzCN]", "[aeiouAEIOQUY]", "(?![aeioumnY])"
_RULES = [
    (re.compile(written), said)
    for written, said in (
        (r"ph", "f"),
        (r"s?ch(?=[lnrt])", "k"),  # Christine, Chloé
        (r"s?ch|sh", "C"),
        (r"h", ""),
        (r"e[rzt]s?$|e+s?$", "Y"),  # Gauthier, Gautié, and Anne: accents are not always written
        (r"y", "i"),
        (r"gn", "N"),
        (r"[gj]e(?=[aou])|g(?=[eiY])", "j"),
        (r"gu(?=[eiY])", "g"),
        (r"s?c(?=[eiY])|(?<=n)c(?=oi)", "s"),  # FRANCOIS, where no cedilla is written
        (r"c?qu?|ck|c", "k"),
        (r"w", "v"),
        (r"bv", "v"),  # Lefebvre
        (r"(?<=n)[kdtgpb]+[sxz]?$|(?<=au)l[dtx]s?$", ""),  # Durand, Durant; Renault
        (r"m(?=p?[bt]|p)", "n"),
        (r"(?<=n)p[sxz]?$", ""),  # Champs
        (rf"ien{_NOT_NASAL}", "iI"),
        (rf"(?:[ae]i|i|u)[nm]{_NOT_NASAL}", "I"),
        (rf"a?[ae][nm]{_NOT_NASAL}", "A"),
        (rf"o[nm]{_NOT_NASAL}", "Q"),
        (r"e?au", "o"),
        (r"ou", "U"),
        (r"o?eu", "E"),
        (r"[ae]i", "e"),
        (rf"(?<=[aeiouEU])s(?={_VOWEL})", "z"),
        (r"(.)\1+", r"\1"),
        (rf"(?<={_VOWEL}{_CONSONANT})e(?={_CONSONANT}[aeiouAEIOQU])", ""),  # Catherine, Kathrine
        (r"(?<=r)[kdtgpb]+[sxz]?$|[dtsxz]+$|Y$", ""),
    )
]


def sounds(text: str) -> list[str]:
    """The keys of the words of a name, in their order."""
    return [_sound(word) for word in _WORD.findall(fold(text.translate(_SEPARATE)))]


@lru_cache(maxsize=4_096)
def _sound(word: str) -> str:
    said = word[:LONGEST]
    for written, sound in _RULES:
        said = written.sub(sound, said)
    return said or word[:LONGEST]
