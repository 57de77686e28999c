"""Photographs drawn by code, as a telephone would send them: never a real one."""

import io
from collections.abc import Mapping

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SKIN, WOUND = (222, 184, 160), (150, 40, 40)
GPS, LATITUDE = 0x8825, 2


def jpeg(
    *, size: tuple[int, int] = (320, 240), colours: tuple[tuple[int, int, int], ...] = (SKIN, WOUND), exif: Mapping[int, object] | None = None, gps: bool = False
) -> bytes:  # fmt: skip
    """Two halves, the left one in the first colour; `exif` by its tags."""
    image = Image.new("RGB", size, colours[0])
    image.paste(colours[1], (size[0] // 2, 0, size[0], size[1]))
    said = Image.Exif()
    for tag, value in (exif or {}).items():
        said[tag] = value
    if gps:
        said.get_ifd(GPS)[LATITUDE] = (48.0, 51.0, 24.0)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=90, exif=said)
    return written.getvalue()


def png(*, gps: bool = False, words: str = "") -> bytes:
    """A small drawing; with a place in its eXIf chunk, and words in its text (as XMP stands there)."""
    image, said, text = Image.new("RGB", (32, 24), SKIN), Image.Exif(), PngInfo()
    if gps:
        said.get_ifd(GPS)[LATITUDE] = (48.0, 51.0, 24.0)
    if words:
        text.add_itxt("XML:com.adobe.xmp", words)
        text.add_text("Comment", words)
    written = io.BytesIO()
    image.save(written, "PNG", exif=said.tobytes() if gps else b"", pnginfo=text if words else None)
    return written.getvalue()
