"""What a software says of itself when it is registered: client metadata of RFC 7591 §2, as far as SMART App Launch 2.2 uses them."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from maillage.services.software.rules.refusals import Refused

METHODS = ("none", "client_secret_basic", "private_key_jwt")
CODE, BACKEND = "authorization_code", "client_credentials"
GRANTS = (CODE, "refresh_token", BACKEND)
MOST_REDIRECTS, MOST_KEYS, MOST_SCOPES = 10, 20, 60
LONGEST_NAME, LONGEST_ADDRESS = 80, 500
SHORTEST_RSA = 256  # bytes: 2048 bits
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OWN_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_EMAIL = re.compile(r"[^@\s]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A software as it is asked to be registered. `redirects` are compared letter by letter; of `jwks` and `jwks_uri` one at most."""

    name: str
    editor: str
    contact: str
    method: str
    grants: tuple[str, ...]
    redirects: tuple[str, ...]
    launch_uri: str
    scopes: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    jwks_uri: str


def described(sent: Mapping[str, Any], fault_of: Callable[[str], str]) -> Described:
    """The metadata, held to the rules. Refused names the member at fault; `fault_of` says what is wrong with a scope, empty for nothing."""
    method = _text(sent, "token_endpoint_auth_method", default="client_secret_basic")
    if method not in METHODS:
        raise _bad(
            "token_endpoint_auth_method", f"use one of {', '.join(METHODS)}", "Choisissez comment le logiciel prouve qui il est"
        )
    grants = _grants(sent)
    found = Described(
        name=_name(sent),
        editor=_text(sent, "client_uri", longest=LONGEST_NAME) or _text(sent, "software_id", longest=LONGEST_NAME),
        contact=_contact(sent),
        method=method,
        grants=grants,
        redirects=_redirects(sent, grants),
        launch_uri=_launch(sent),
        scopes=_scopes(sent, grants, fault_of),
        jwks=_keys(sent),
        jwks_uri=_keys_address(sent),
    )
    _refuse_misfit(found)
    return found


def _refuse_misfit(found: Described) -> None:
    """What no single member can say."""
    if found.jwks is not None and found.jwks_uri:
        raise _bad("jwks", "give jwks or jwks_uri, not both", "Donnez les clés ou leur adresse, pas les deux")
    signs = found.method == "private_key_jwt"
    if signs and found.jwks is None and not found.jwks_uri:
        raise _bad("jwks", "private_key_jwt needs jwks or jwks_uri", "Donnez la clé publique, ou son adresse")
    if BACKEND in found.grants and not signs:
        raise _bad(
            "token_endpoint_auth_method",
            "client_credentials needs private_key_jwt",
            "Un logiciel sans utilisateur s’identifie par une clé",
        )


def _name(sent: Mapping[str, Any]) -> str:
    name = " ".join(_text(sent, "client_name", longest=LONGEST_NAME).split())
    if not name:
        raise _bad("client_name", "a name that people read is needed", "Donnez le nom que les personnes liront")
    return name


def _contact(sent: Mapping[str, Any]) -> str:
    contacts = _texts(sent, "contacts", most=5)
    if not contacts or not _EMAIL.fullmatch(contacts[0]):
        raise _bad(
            "contacts",
            "the e-mail address of somebody who answers for it is needed",
            "Donnez l’adresse électronique d’un responsable",
        )
    return contacts[0]


def _grants(sent: Mapping[str, Any]) -> tuple[str, ...]:
    grants = _texts(sent, "grant_types", most=3) or (CODE,)
    if not set(grants) <= set(GRANTS) or not {CODE, BACKEND} & set(grants):
        raise _bad("grant_types", f"use some of {', '.join(GRANTS)}", "Choisissez comment le logiciel est utilisé")
    if CODE in grants and _texts(sent, "response_types", most=3) not in ((), ("code",)):
        raise _bad("response_types", "only code is answered", "Seul « code » est possible")
    return tuple(one for one in GRANTS if one in grants)


def _redirects(sent: Mapping[str, Any], grants: Sequence[str]) -> tuple[str, ...]:
    found = _texts(sent, "redirect_uris", most=MOST_REDIRECTS)
    if CODE not in grants:
        return ()
    if not found:
        raise Refused(
            "invalid_redirect_uri",
            "a redirect_uri is needed",
            field="redirect_uris",
            french="Donnez une adresse de retour au moins",
        )
    for one in found:
        if not redirectable(one):
            raise Refused(
                "invalid_redirect_uri", "https, http on the loopback, or a scheme of your own like com.example.app; no fragment",
                field="redirect_uris", french=f"Adresse de retour refusée : {one[:80]}. Elle commence par https:// et n’a pas de « # »",
            )  # fmt: skip
    return found


def redirectable(uri: str) -> bool:
    """Whether a browser may be sent there: https, the machine itself, or an application by a scheme with a dot (RFC 8252 §7)."""
    if not uri.isascii() or not uri.isprintable() or any(sign in uri for sign in "\\ \"'<>#") or len(uri) > LONGEST_ADDRESS:
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if "@" in parts.netloc:
        return False
    if parts.scheme == "https":
        return bool(host)
    return (host in _LOOPBACK) if parts.scheme == "http" else bool(_OWN_SCHEME.fullmatch(parts.scheme))


def _launch(sent: Mapping[str, Any]) -> str:
    uri = _text(sent, "initiate_login_uri", longest=LONGEST_ADDRESS)
    if uri and not (redirectable(uri) and urlsplit(uri).scheme in ("http", "https")):
        raise _bad("initiate_login_uri", "an https address", "L’adresse de lancement commence par https://")
    return uri


def _scopes(sent: Mapping[str, Any], grants: Sequence[str], fault_of: Callable[[str], str]) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(_text(sent, "scope", longest=8_000).split()))
    if not asked or len(asked) > MOST_SCOPES:
        raise _bad("scope", f"1 to {MOST_SCOPES} scopes are needed", "Donnez les droits demandés, séparés par des espaces")
    for one in asked:
        if fault := fault_of(one):
            raise _bad("scope", fault[:300], f"Droit inconnu ou impossible : {one[:80]}")
        if one.startswith("system/") != (BACKEND in grants) and not (CODE in grants and BACKEND in grants):
            raise _bad(
                "scope", f"{one[:80]!r} does not go with these grant_types", f"Ce droit ne va pas avec cet usage : {one[:80]}"
            )
    return asked


def _keys(sent: Mapping[str, Any]) -> Mapping[str, Any] | None:
    held = sent.get("jwks")
    if held in (None, ""):
        return None
    keys = held.get("keys") if isinstance(held, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        raise _bad("jwks", f"a JWK Set of 1 to {MOST_KEYS} keys", 'Collez un JWK Set : { "keys": [ … ] }')
    for one in keys:
        if reason := weak(one):
            raise _bad("jwks", reason, f"Clé refusée ({reason})")
    if len({one["kid"] for one in keys}) < len(keys):
        raise _bad("jwks", "two keys have the same kid", "Deux clés ont le même « kid »")
    return {"keys": keys}


def weak(key: object) -> str:
    """Why this is no public key that signs RS384 or ES384; empty where it is one."""
    if not isinstance(key, dict):
        return "a key is a JSON object"
    if _PRIVATE & key.keys():
        return "only the public part of a key is sent"
    if not isinstance(key.get("kid"), str) or not 0 < len(key["kid"]) <= 200:
        return "each key has a kid"
    if key.get("use", "sig") != "sig":
        return "the use of each key is sig"
    if key.get("kty") == "RSA":
        return "" if _bytes(key.get("n")) >= SHORTEST_RSA and _bytes(key.get("e")) else "RSA keys have 2048 bits at least"
    if key.get("kty") == "EC":
        return "" if key.get("crv") == "P-384" and _bytes(key.get("x")) == _bytes(key.get("y")) == 48 else "EC keys are on P-384"
    return "keys are RSA (RS384) or EC on P-384 (ES384)"


def _bytes(value: object) -> int:
    """How many bytes a base64url text holds, without zeros before; 0 for none."""
    if not isinstance(value, str) or len(value) > 2_000:
        return 0
    try:
        return len(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (ValueError, binascii.Error):
        return 0


def _keys_address(sent: Mapping[str, Any]) -> str:
    uri = _text(sent, "jwks_uri", longest=LONGEST_ADDRESS)
    if uri and not (redirectable(uri) and urlsplit(uri).scheme in ("http", "https")):
        raise _bad("jwks_uri", "an https address", "L’adresse des clés commence par https://")
    return uri


def _text(sent: Mapping[str, Any], name: str, *, longest: int = LONGEST_ADDRESS, default: str = "") -> str:
    value = sent.get(name, default)
    if value is None or value == "":
        return default
    if not isinstance(value, str) or len(value) > longest or not value.replace("\n", " ").replace("\r", " ").isprintable():
        raise _bad(name, f"a text of {longest} characters at most", f"{longest} caractères au plus")
    return value.strip()


def _texts(sent: Mapping[str, Any], name: str, *, most: int) -> tuple[str, ...]:
    value = sent.get(name) or []
    if (
        not isinstance(value, list)
        or len(value) > most
        or not all(isinstance(one, str) and 0 < len(one) <= LONGEST_ADDRESS for one in value)
    ):
        raise _bad(name, f"a list of at most {most} texts", f"{most} au plus")
    return tuple(dict.fromkeys(value))


def _bad(field: str, message: str, french: str) -> Refused:
    return Refused("invalid_client_metadata", f"{field}: {message}", field=field, french=french)
