"""Headers that every answer carries, so that a browser runs nothing of others and keeps no health data."""

from collections.abc import Iterable, Mapping

from starlette.datastructures import MutableHeaders

STATIC_PREFIX = "/static/"
UNUSED = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
    "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
"""Powers of a browser that no page of ours asks for: none may."""


def security_headers(*, secure: bool, sign_in_origins: Iterable[str]) -> dict[str, str]:
    """The headers of a platform; `secure` when it is reached by https, `sign_in_origins` may be redirected to from a form."""
    headers = {
        "Content-Security-Policy": content_security_policy(sign_in_origins),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Server": "maillage",  # the server beneath would name itself
    }
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


def content_security_policy(sign_in_origins: Iterable[str], *, frame_ancestors: str = "'none'") -> str:
    """No inline script or style, nothing from elsewhere; images in `data:` are the icons inside our style sheets.

    Sign-out is a form whose redirect ends at the identity provider: browsers hold `form-action` against redirects too.
    """
    return "; ".join(
        [
            "default-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "script-src-attr 'none'",
            "style-src-attr 'none'",
            " ".join(["form-action 'self'", *sign_in_origins]),
            f"frame-ancestors {frame_ancestors}",
        ]
    )


def framed_by_us(headers: MutableHeaders) -> None:
    """Let a page of ours show this answer in a frame (a PDF, a document's rendering), and run no script in it."""
    headers["X-Frame-Options"] = "SAMEORIGIN"
    headers["Content-Security-Policy"] = "default-src 'none'; img-src 'self' data:; style-src 'self'; frame-ancestors 'self'"


def add_missing(headers: list[tuple[bytes, bytes]], path: str, always: Iterable[tuple[bytes, bytes]]) -> None:
    """Complete an answer's raw headers; an endpoint that set one of them meant it. Only static files may be kept by a cache.

    `always`: names in lower case, as ASGI has them.
    """
    given = {name for name, _ in headers}
    headers.extend(header for header in always if header[0] not in given)
    if b"cache-control" not in given and not path.startswith(STATIC_PREFIX):
        headers.append((b"cache-control", b"no-store"))


def raw(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Headers as ASGI sends them: names in lower case, both in Latin-1."""
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
