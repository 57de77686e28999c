"""Photographs as they are kept: upright, no larger than they need be, and without what a telephone writes into them (place, device, instant).

A photograph is decoded and written anew as JPEG (ITU-T T.81): nothing of the sent file is kept but what is seen on it, so that what hides in its
metadata (Exif 2.32 §4.6.6, GPS) or behind its end does not come with it.
"""

import asyncio
import io
import warnings
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps

from maillage.errors import TooLarge, Unprocessable

KIND = "image/jpeg"
TAKEN = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000
"""More than the largest telephones of the day take; asked before anything is decoded."""
MOST_DECODED = 24_000_000
"""The same of a picture that is decoded whole (PNG, WebP): 64 million pixels of one colour are 100 KB to send and more than a gigabyte to look at."""
LONGEST_SIDE, QUALITY = 1600, 80
AT_ONCE = 2
"""Photographs that a process decodes at the same time: a page of many is waited for, and fills no memory."""

_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photograph")


async def photographed(content: bytes, place: str, *, side: int = LONGEST_SIDE) -> bytes:
    """The same as `photograph`, while others are answered."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, lambda: photograph(content, place, side=side))


def photograph(content: bytes, place: str, *, side: int = LONGEST_SIDE) -> bytes:
    """The photograph as a JPEG of `side` pixels at most each way. Unprocessable, with the place, for what is none; TooLarge beyond `MOST_PIXELS` or `MOST_DECODED`.

    Takes a tenth of a second and more: where others wait, `photographed`.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=TAKEN) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound comes first
            most = MOST_PIXELS if image.format == "JPEG" else MOST_DECODED
            if image.width * image.height > most:
                raise _too_large(place, most)
            image.draft("RGB", (side, side))
            image.thumbnail((side, side))
            ImageOps.exif_transpose(image, in_place=True)  # once it is small
            written = io.BytesIO()
            _opaque(image).save(written, "JPEG", quality=QUALITY, optimize=True)
            return written.getvalue()
    except Image.DecompressionBombError:
        raise _too_large(place, MOST_PIXELS) from None
    except (OSError, SyntaxError, ValueError, EOFError) as fault:
        text = "This is no photograph that can be read: a JPEG, PNG or WebP picture is expected."
        raise Unprocessable.at(place, text) from fault


def _opaque(image: Image.Image) -> Image.Image:
    """On white where it lets through: JPEG has no transparency."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    layer = image.convert("RGBA")
    ground.paste(layer, mask=layer)
    return ground


def _too_large(place: str, most: int) -> TooLarge:
    return TooLarge.at(place, f"A photograph of this kind has {most // 1_000_000} million pixels at most.")
