"""Photographs: what is seen stays, what the telephone adds goes, and what is none is refused before it costs anything."""

import asyncio
import io
import struct
import threading
import time
import zlib
from typing import Any

import pytest
from PIL import Image, ImageOps

from maillage.errors import TooLarge, Unprocessable
from maillage.files.photographs import AT_ONCE, LONGEST_SIDE, photograph, photographed
from tests.support.photographs import jpeg

RED, BLUE = (200, 20, 20), (20, 20, 200)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=["JPEG"])


def test_place_device_and_what_follows_the_picture_do_not_come_with_it() -> None:
    sent = jpeg(exif={271: "Telephone 12", 306: "2026:11:23 10:00:00"}, gps=True) + b"PK\x03\x04 behind the end"
    assert b"Telephone 12" in sent
    assert Image.open(io.BytesIO(sent)).getexif().get_ifd(0x8825), "the sent one says where it was taken"
    kept = photograph(sent, "photo")
    assert b"Telephone 12" not in kept
    assert b"behind the end" not in kept
    assert dict(opened(kept).getexif()) == {}


def test_a_photograph_taken_on_its_side_is_turned_upright() -> None:
    sent = jpeg(size=(80, 40), colours=(RED, BLUE), exif={274: 6})  # 6: turned a quarter to the right to be seen
    kept = opened(photograph(sent, "photo"))
    assert kept.size == (40, 80)
    top, bottom = kept.getpixel((20, 8)), kept.getpixel((20, 72))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 150 > bottom[0], "what was on the left is on top"


def test_a_large_one_becomes_no_larger_than_it_need_be_and_a_small_one_stays() -> None:
    assert max(opened(photograph(jpeg(size=(3200, 2400)), "photo")).size) == LONGEST_SIDE
    assert opened(photograph(jpeg(size=(300, 200)), "photo")).size == (300, 200)
    assert max(opened(photograph(jpeg(size=(300, 200)), "photo", side=96)).size) == 96


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pictures_that_let_through_are_put_on_white(kind: str) -> None:
    written = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(written, kind)
    pixel = opened(photograph(written.getvalue(), "photo")).getpixel((10, 10))
    assert isinstance(pixel, tuple)
    assert min(pixel) > 250


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(9_000, 9_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(TooLarge) as refused:
        photograph(bomb(*size), "photo")
    assert refused.value.issues[0].expression == "photo"


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_picture_that_is_decoded_whole_is_refused_before_it_fills_the_memory(kind: str, mode: str) -> None:
    """A hundred kilobytes of one colour; a JPEG of as many pixels is decoded at a part of its size."""
    large, written = Image.new(mode, (7_000, 4_000)), io.BytesIO()
    large.save(written, kind)
    assert len(written.getvalue()) < 200_000
    with pytest.raises(TooLarge):
        photograph(written.getvalue(), "photo")
    assert max(opened(photograph(jpeg(size=large.size), "photo")).size) == LONGEST_SIDE


async def test_of_many_photographs_two_are_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most, lock = 0, 0, threading.Lock()
    decoded = ImageOps.exif_transpose

    def watched(*given: Any, **more: Any) -> Any:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.05)
        with lock:
            at_work -= 1
        return decoded(*given, **more)

    monkeypatch.setattr(ImageOps, "exif_transpose", watched)
    kept = await asyncio.gather(*(photographed(jpeg(), "photo") for _ in range(8)))
    assert [opened(one).size for one in kept] == [(320, 240)] * 8
    assert most == AT_ONCE


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a\x01\x00\x01\x00", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff nothing", jpeg()[:200], bomb(400, 400)],
    ids=["nothing", "gif", "pdf", "svg", "a beginning", "cut short", "less than it says"],
)  # fmt: skip
def test_what_is_no_photograph_is_refused_with_its_place(content: bytes) -> None:
    with pytest.raises(Unprocessable) as refused:
        photograph(content, "photo")
    assert refused.value.issues[0].expression == "photo"
