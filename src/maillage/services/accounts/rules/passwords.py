"""Which passwords are accepted: long and not common, whatever they are made of.

ANSSI, « Recommandations relatives à l'authentification multifacteur et aux mots de passe » (2021), R21 to R27: a floor of length, no low ceiling,
a list of refused ones, no renewal for its own sake. CNIL, délibération 2022-100: 50 bits where tries are limited: twelve lower-case letters have 56.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from importlib.resources import files

SHORTEST = 12
LONGEST = 128
OWN_WORD = 4
"""Fewer letters of a name than that are in too many words to be somebody's own."""

_LEET = str.maketrans("@4310$57!", "aaeiosstl")
_WALKS = ("azertyuiopqsdfghjklmwxcvbn", "qwertyuiopasdfghjklzxcvbnm", "abcdefghijklmnopqrstuvwxyz", "01234567890123456789")
_STRAIGHT = 4
_SENTENCE = 2


def refusal(password: str, *, own: tuple[str, ...] = ()) -> str | None:
    """Why this password is refused, in French, or None. `own` are the person's names and e-mail: what is made of them is guessed first."""
    if len(password) < SHORTEST:
        return f"Il faut {SHORTEST} caractères au moins : une phrase convient très bien"
    if len(password) > LONGEST:
        return f"{LONGEST} caractères au plus"
    if _guessable(password, own):
        return "Ce mot de passe est trop facile à deviner : choisissez plusieurs mots sans lien entre eux"
    return None


def _guessable(password: str, own: tuple[str, ...]) -> bool:
    """Whether nothing is left once common words, one's own, repetitions and walks on the keyboard are taken away."""
    plain = _plain(password)
    if len(set(plain)) < OWN_WORD + 1:
        return True
    words = {word for text in own for word in re.findall(rf"[a-z]{{{OWN_WORD},}}", _plain(text))} | common()
    digits = _without_walks(re.sub(r"\D", "", plain))
    left = min(_letters_left(text, words) for text in (plain, plain.translate(_LEET)))
    return left + len(set(digits)) // 2 < OWN_WORD


def _letters_left(text: str, words: Collection[str]) -> int:
    """How many letters of it are in no common word and no walk. More than two such words are a sentence: all of it counts."""
    rest, taken = text, 0
    for word in sorted(words, key=len, reverse=True):
        if word in rest:
            rest, taken = rest.replace(word, " "), taken + 1
    left = sum(map(len, re.findall(r"[^\W\d_]+", _without_walks(rest))))
    return left if taken <= _SENTENCE else len(text)


def _without_walks(text: str) -> str:
    """The text without keys that follow each other on a keyboard or in the alphabet, and without what is repeated at once."""
    text = re.sub(r"(.{1,4}?)\1{2,}", " ", text)
    kept, place = [], 0
    while place < len(text):
        length = max((_walk(text[place:], walk) for walk in _BOTH_WAYS), default=0)
        if length >= _STRAIGHT:
            kept.append(" ")
            place += length
        else:
            kept.append(text[place])
            place += 1
    return "".join(kept)


_BOTH_WAYS = tuple(one for walk in _WALKS for one in (walk, walk[::-1]))


def _walk(text: str, walk: str) -> int:
    """How many of the first characters of the text stand in this order in the walk."""
    length = 0
    while length < len(text) and text[: length + 1] in walk:
        length += 1
    return length


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


@cache
def common() -> frozenset[str]:
    """Words that common passwords are made of, in small letters without accents."""
    text = files("maillage.services.accounts.rules").joinpath("common.txt").read_text("utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
