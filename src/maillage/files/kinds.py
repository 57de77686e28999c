"""What bytes are, told from how they begin: enough to see that a file is not what its sender says, or that it is a program."""

from collections.abc import Callable

_XML = (
    "text/xml",
    "application/xml",
    "application/hl7-v3+xml",
    "application/hl7-cda+xml",
    "application/fhir+xml",
    "text/x-hl7-text+xml",
)


def _begins(*ways: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(ways)


def _is_pdf(content: bytes) -> bool:
    return b"%PDF-" in content[:1024]  # readers take it there (ISO 32000-1, annex H.3.4.1)


def _is_webp(content: bytes) -> bool:
    return content[:4] == b"RIFF" and content[8:12] == b"WEBP"


def _is_dicom(content: bytes) -> bool:
    return content[128:132] == b"DICM"


def _is_xml(content: bytes) -> bool:
    begin = content[:256].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")
    return begin[:1] == b"<"


_SIGNS: dict[str, Callable[[bytes], bool]] = {
    "application/pdf": _is_pdf,
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/tiff": _begins(b"II*\0", b"MM\0*"),
    "image/webp": _is_webp,
    "application/dicom": _is_dicom,
    "application/zip": _begins(b"PK\x03\x04", b"PK\x05\x06"),
    "application/gzip": _begins(b"\x1f\x8b"),
    **dict.fromkeys(_XML, _is_xml),
}
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
}
_PROGRAMS = _begins(
    b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!/", b"#! /"
)
_PROGRAM_TYPES = frozenset({
    "application/x-msdownload", "application/x-msdos-program", "application/vnd.microsoft.portable-executable", "application/x-executable", "application/x-sh", "application/x-csh",
    "application/java-archive", "application/x-bat", "application/hta", "application/x-ms-installer", "application/x-msi", "application/vnd.android.package-archive",
})  # fmt: skip


def media_type(said: str) -> str:
    """A media type without its parameters, by its usual name."""
    plain = said.partition(";")[0].strip().lower()
    return _ALIASES.get(plain, plain)


def is_program(said: str, content: bytes) -> bool:
    """Whether it is, or is said to be, something that a machine runs."""
    return media_type(said) in _PROGRAM_TYPES or _PROGRAMS(content)


def begins_as(kind: str, content: bytes) -> bool:
    """Whether these bytes begin as a file of this media type does, which is one of those known here."""
    return _SIGNS[kind](content)


def contradiction(said: str, content: bytes) -> str | None:
    """Why these bytes are not what is said of them, or are what nobody sends to a record; None where nothing speaks against it."""
    kind = media_type(said)
    if is_program(said, content):
        return "is a program"
    sign = _SIGNS.get(kind)
    if content and sign is not None and not sign(content):
        return f"does not begin as {kind} does"
    return None
