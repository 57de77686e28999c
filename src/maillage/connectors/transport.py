"""Whether what is said on a connection can be read on its way: by an address or a name of this machine alone, or by TLS."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_here(address: str) -> bool:
    """Whether an address, "host:port" or URL, is of this machine: no network carries what is said there. A folder is a local socket."""
    host = urlsplit(address).hostname if "://" in address else address.rpartition(":")[0] if ":" in address else address
    host = (host or "").strip("[]").lower()
    if host in ("", "localhost") or host.endswith(".localhost") or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(url: str) -> bool:
    """Whether a URL is spoken to by TLS, or on this machine."""
    return urlsplit(url).scheme == "https" or is_here(url)
