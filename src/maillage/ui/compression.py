"""Compression of pages, with a header of random length so that the size of an answer tells nothing of its secrets.

Method: « Heal the BREACH » (Palacios et al., IEEE Access 2022): the gzip header's file name, which readers ignore, gets a random length.
"""

import secrets
import struct
import zlib
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response

SMALLEST: Final = 600
_FLAG_NAME: Final = b"\x08"


def compressed(request: Request, response: Response) -> Response:
    """The same response, its body gzipped when the visitor takes it and it is worth it."""
    response.headers.add_vary_header("Accept-Encoding")
    if len(response.body) < SMALLEST or "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    response.body = gzip(bytes(response.body), name_length=secrets.randbelow(100) + 1)
    headers = MutableHeaders(raw=response.raw_headers)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(response.body))
    return response


def gzip(content: bytes, *, name_length: int) -> bytes:
    """RFC 1952 with a file name of `name_length` letters and no date."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = b"\x1f\x8b\x08" + _FLAG_NAME + b"\x00\x00\x00\x00\x00\xff" + b"a" * name_length + b"\x00"
    foot = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return head + packer.compress(content) + packer.flush() + foot
