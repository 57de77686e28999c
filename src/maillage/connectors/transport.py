"""Whether what is said on a connection can be read on its way: by an address or a name of this machine alone, or by TLS."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_here(address: str) -> bool:
    """Whether an address, "host:port" or URL, is of this machine: no network carries what is said there. A folder is a local socket."""
    host = (
        (urlsplit(address).hostname or "") if "://" in address else address if _is_number(address) else address.partition(":")[0]
    )
    if address.startswith("["):
        host = address.partition("]")[0]
    host = host.strip("[]").lower()
    if host in ("", "localhost") or host.endswith(".localhost") or host.startswith("/"):
        return True
    return _is_number(host) and ip_address(host).is_loopback


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_private(url: str) -> bool:
    """Whether a URL is spoken to by TLS, or on this machine."""
    return urlsplit(url).scheme == "https" or is_here(url)
