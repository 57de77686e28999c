"""Photographs as they are kept: upright, no larger than they need be, and without what a telephone writes into them (place, device, instant).

A photograph is decoded and written anew as JPEG (ITU-T T.81): nothing of the sent file is kept but what is seen on it, so that what hides in its
metadata (Exif 2.32 §4.6.6, GPS) or behind its end does not come with it.
"""

import io
import warnings

from PIL import Image, ImageOps

from maillage.errors import TooLarge, Unprocessable

KIND = "image/jpeg"
TAKEN = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000
"""More than the largest telephones of the day take; asked before anything is decoded."""
LONGEST_SIDE, QUALITY = 1600, 80


def photograph(content: bytes, place: str, *, side: int = LONGEST_SIDE) -> bytes:
    """The photograph as a JPEG of `side` pixels at most each way. Unprocessable, with the place, for what is none; TooLarge beyond `MOST_PIXELS`.

    Takes a tenth of a second and more: to be called in a thread.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=TAKEN) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound comes first
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(place)
            image.draft("RGB", (side, side))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((side, side))
            written = io.BytesIO()
            _opaque(upright).save(written, "JPEG", quality=QUALITY, optimize=True)
            return written.getvalue()
    except Image.DecompressionBombError:
        raise _too_large(place) from None
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


def _too_large(place: str) -> TooLarge:
    return TooLarge.at(place, f"A photograph has {MOST_PIXELS // 1_000_000} million pixels at most.")
