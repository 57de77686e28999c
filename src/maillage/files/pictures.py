"""Pictures that are kept as they were drawn, and not written anew as photographs are: without what a telephone writes beside what is seen.

A PNG says where it was taken in a chunk of its own (eXIf, PNG 3rd edition §11.3.3) or in text (XMP); those that say how it is drawn stay, byte by byte.
Of HEIC and AVIF (ISO/IEC 23008-12) nothing here can be taken out, nor can browsers show the first: they are refused, with what to send instead.
"""

from maillage.errors import Issue, Unprocessable
from maillage.files.kinds import begins_as

PNG = "image/png"
_DRAWN = frozenset({
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
})  # fmt: skip
_HEAD, _AROUND = 8, 12
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")


def undressed(content: bytes, place: str) -> bytes:
    """A PNG without its metadata and what follows its end; anything else as it is. Unprocessable for a PNG that is none, for HEIC and for AVIF."""
    if _is_heif(content):
        text = "HEIC and AVIF pictures keep the place where they were taken: send a JPEG."
        french = "les photos HEIC et AVIF gardent le lieu où elles ont été prises. Envoyez-les en JPEG (sur iPhone : Réglages, Appareil photo, Formats, « Le plus compatible »)"
        raise Unprocessable(text, issues=[Issue("invalid", text, place)], french=french)
    return _undressed(content, place) if begins_as(PNG, content) else content


def _is_heif(content: bytes) -> bool:
    """Whether it begins as such a file, by its own brand or one that it is compatible with."""
    size = min(int.from_bytes(content[:4]), 256)
    return content[4:8] == b"ftyp" and any(content[start : start + 4] in _HEIF for start in range(8, size, 4))


def _undressed(content: bytes, place: str) -> bytes:
    kept, at = [content[:_HEAD]], _HEAD
    while at + _AROUND <= len(content):
        kind, end = content[at + 4 : at + 8], at + _AROUND + int.from_bytes(content[at : at + 4])
        if end > len(content):
            break
        if kind in _DRAWN:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    raise Unprocessable.at(place, "This PNG ends before its picture does.")
