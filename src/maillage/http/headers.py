"""Headers that every answer carries, so that a browser runs nothing of others and keeps no health data."""

from collections.abc import Iterable

from starlette.datastructures import MutableHeaders

STATIC_PREFIX = "/static/"


def security_headers(*, secure: bool, sign_in_origins: Iterable[str]) -> dict[str, str]:
    """The headers of a platform; `secure` when it is reached by https, `sign_in_origins` may be redirected to from a form."""
    headers = {
        "Content-Security-Policy": content_security_policy(sign_in_origins),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
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
            " ".join(["form-action 'self'", *sign_in_origins]),
            f"frame-ancestors {frame_ancestors}",
        ]
    )


def framed_by_us(headers: MutableHeaders) -> None:
    """Let a page of ours show this answer in a frame (a PDF, a document's rendering), and run no script in it."""
    headers["X-Frame-Options"] = "SAMEORIGIN"
    headers["Content-Security-Policy"] = "default-src 'none'; img-src 'self' data:; style-src 'self'; frame-ancestors 'self'"


def add_missing(headers: MutableHeaders, path: str, always: dict[str, str]) -> None:
    """Complete an answer's headers; an endpoint that set one of them meant it. Only static files may be kept by a cache."""
    for name, value in always.items():
        headers.setdefault(name, value)
    if not path.startswith(STATIC_PREFIX):
        headers.setdefault("Cache-Control", "no-store")
