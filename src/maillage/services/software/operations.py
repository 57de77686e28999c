"""The doors of software: what this platform offers (SMART configuration), tokens, introspection, revocation, registration, our public key."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from starlette.responses import Response

from maillage.access.access import Access
from maillage.config import Config
from maillage.connectors.outgoing import Outgoing
from maillage.errors import Invalid, MaillageError, NotFound, TooMany
from maillage.http import Declared, Request
from maillage.http.origins import origin_of, trusted
from maillage.http.routes import bare
from maillage.services.software.rules import registration
from maillage.services.software.rules.refusals import Refused
from maillage.services.software.rules.requests import addressed
from maillage.services.software.service import granting, issuing, registry
from maillage.services.software.service.authentication import authenticated, shown
from maillage.services.software.service.issuing import Door
from maillage.services.software.service.keys import Keys
from maillage.services.software.service.registry import REGISTERING, Software
from maillage.services.software.service.signing import is_set, signer_of

log = structlog.get_logger(__name__)
AUTHORIZE = "/oauth/authorize"
TOKEN = "/oauth/token"  # noqa: S105  # an address
INTROSPECT = "/oauth/introspect"
REVOKE = "/oauth/revoke"
REGISTER = "/oauth/register"
JWKS = "/oauth/jwks"
MANAGE = "/mes-applications"
BODY = 64 * 1024
SIGNATURES = ["RS384", "ES384"]
CAPABILITIES = [
    "launch-ehr", "launch-standalone", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
    "context-ehr-patient", "context-standalone-patient", "context-banner", "permission-patient", "permission-user",
    "permission-offline", "permission-online", "permission-v2",
]  # fmt: skip

Verb = Callable[[Request], Awaitable[Response]]


async def configuration(request: Request, ctx: None) -> Response:
    """GET /fhir/.well-known/smart-configuration (SMART App Launch 2.2 §7)."""
    config = config_of(request)
    tells = is_set(config)
    own = issuer_of(config)
    offered = [one for one in granting.OFFERED if tells or one not in granting.SIGN_IN]
    identity = {"issuer": own, "jwks_uri": own + JWKS} if tells else {}
    return answer({
        **identity,
        "authorization_endpoint": own + AUTHORIZE,
        "token_endpoint": own + TOKEN,
        "introspection_endpoint": own + INTROSPECT,
        "revocation_endpoint": own + REVOKE,
        "registration_endpoint": own + REGISTER,
        "management_endpoint": own + MANAGE,
        "grant_types_supported": list(registration.GRANTS),
        "response_types_supported": ["code"],
        "scopes_supported": offered,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(registration.METHODS),
        "token_endpoint_auth_signing_alg_values_supported": SIGNATURES,
        "capabilities": CAPABILITIES + (["sso-openid-connect"] if tells else []),
    }, kept=True)  # fmt: skip


async def discovery(request: Request, ctx: None) -> Response:
    """GET /.well-known/openid-configuration (OpenID Connect Discovery 1.0 §3). NotFound where nobody's identity is told."""
    config = config_of(request)
    signer, own = signer_of(config), issuer_of(config)
    if signer is None:
        raise NotFound("this installation has no key to say who somebody is")
    return answer({
        "issuer": own,
        "authorization_endpoint": own + AUTHORIZE,
        "token_endpoint": own + TOKEN,
        "jwks_uri": own + JWKS,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [signer.algorithm],
        "scopes_supported": list(granting.OFFERED),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(registration.METHODS),
        "token_endpoint_auth_signing_alg_values_supported": SIGNATURES,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser"],
    }, kept=True)  # fmt: skip


async def jwks(request: Request, ctx: None) -> Response:
    """GET /oauth/jwks: our public key."""
    signer = signer_of(config_of(request))
    return answer(signer.published() if signer else {"keys": []}, kept=True)


async def token(request: Request) -> Response:
    """POST /oauth/token (RFC 6749 §3.2)."""
    form = await form_of(request)
    door = door_of(request)
    if (
        form.get("grant_type") == "refresh_token"
        and not request.headers.get("authorization")
        and not {"client_id", "client_assertion"} & form.keys()
    ):
        # RFC 6749 §6 asks a public client for no name here, and fhirclient (npm) gives none: the token tells.
        form["client_id"] = await issuing.client_of_refresh(door, form.get("refresh_token", ""))
    software = await _software(request, form)
    match form.get("grant_type", ""):
        case "client_credentials":
            return answer(await issuing.by_itself(door, software, form.get("scope", "")))
        case "authorization_code" if software.for_people:
            return answer(await issuing.by_code(door, software, form))
        case "refresh_token" if software.for_people:
            return answer(await issuing.by_refresh(door, software, form))
        case "":
            raise Refused("invalid_request", "grant_type is needed", field="grant_type")
        case "authorization_code" | "refresh_token":
            raise Refused("unauthorized_client", "This client is not registered for that grant_type.")
    raise Refused("unsupported_grant_type", f"use one of {', '.join(registration.GRANTS)}", field="grant_type")


async def introspect(request: Request) -> Response:
    """POST /oauth/introspect (RFC 7662): by software that proves who it is, of its own tokens."""
    form = await form_of(request)
    software = await _software(request, form)
    if software.method == "none":
        raise Refused("unauthorized_client", "A client without a proof asks about no token.")
    return answer(await issuing.introspected(door_of(request), software, _needed(form, "token")))


async def revoke(request: Request) -> Response:
    """POST /oauth/revoke (RFC 7009)."""
    form = await form_of(request)
    await issuing.given_back(door_of(request), await _software(request, form), _needed(form, "token"))
    return answer({})


async def register(request: Request) -> Response:
    """POST /oauth/register (RFC 7591): it waits until an administrator approves it."""
    sent = await _metadata(request)
    found = registration.described(sent, granting.fault_of)
    origin = origin_of(request, request.app.state.proxies)
    async with access_of(request).act(REGISTERING, door="oauth", origin=origin) as ctx:
        made = await registry.register(ctx, found, by=None, origin=origin)
        asked = int(ctx.now.timestamp())
    said: dict[str, Any] = {
        "client_id": made.id, "client_id_issued_at": asked, "client_name": found.name, "contacts": [found.contact],
        "token_endpoint_auth_method": found.method, "grant_types": list(found.grants), "scope": " ".join(found.scopes),
        "redirect_uris": list(found.redirects), "response_types": ["code"] if found.redirects else [], "registration_state": made.state,
    }  # fmt: skip
    optional = {
        "client_secret": made.secret,
        "initiate_login_uri": found.launch_uri,
        "jwks": found.jwks,
        "jwks_uri": found.jwks_uri,
    }
    said |= {name: value for name, value in optional.items() if value}
    if made.secret:
        said["client_secret_expires_at"] = 0
    return answer(said, status=201)


async def _metadata(request: Request) -> Mapping[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused("invalid_client_metadata", "send application/json")
    try:
        sent = msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        sent = None
    if not isinstance(sent, dict):
        raise Refused("invalid_client_metadata", "send a JSON object")
    return sent


async def _software(request: Request, form: Mapping[str, str]) -> Software:
    own = issuer_of(config_of(request))
    return await authenticated(
        access_of(request), keys_of(request), shown(form, request.headers.get("authorization")), audiences=frozenset({own + TOKEN}),
        origin=origin_of(request, request.app.state.proxies),
    )  # fmt: skip


def _needed(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise Refused("invalid_request", f"{name} is needed", field=name)
    return form[name]


async def form_of(request: Request) -> dict[str, str]:
    """The parameters of a form, each once."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused("invalid_request", "send application/x-www-form-urlencoded")
    pairs = [(name, str(value)) for name, value in (await request.form()).multi_items()]
    assertions = [(name, value) for name, value in pairs if name == "client_assertion"]
    found = addressed([(name, value) for name, value in pairs if name != "client_assertion"])
    if len(assertions) > 1:
        raise Refused("invalid_request", "client_assertion comes twice")
    return found | dict(assertions)


def answering(verb: Verb) -> Callable[[Request, None], Awaitable[Response]]:
    """The endpoint of a verb: counted by address, its faults in the form of OAuth, nothing kept by anybody."""

    async def endpoint(request: Request, ctx: None) -> Response:
        try:
            request.app.state.rates.count_stranger(origin_of(request, request.app.state.proxies))
            return await verb(request)
        except Refused as refusal:
            response = answer({"error": refusal.error, "error_description": refusal.message}, status=refusal.status)
            if refusal.challenge:
                response.headers["WWW-Authenticate"] = 'Basic realm="maillage"'
            return response
        except TooMany as fault:
            response = answer({"error": "temporarily_unavailable", "error_description": fault.message}, status=429)
            response.headers["Retry-After"] = str(fault.wait)
            return response
        except Invalid as fault:
            return answer({"error": "invalid_request", "error_description": fault.message}, status=fault.status)
        except MaillageError as fault:
            log.warning("oauth_fault", error=type(fault).__name__)
            return answer({"error": "server_error", "error_description": "Nothing was written."}, status=fault.status)

    return endpoint


def answer(said: Mapping[str, Any], *, status: int = 200, kept: bool = False) -> Response:
    """JSON, which nobody keeps unless it is the same for all."""
    response = Response(msgspec.json.encode(said), status_code=status, media_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=300" if kept else "no-store"
    return response


def door_of(request: Request) -> Door:
    """Where tokens are handed out, of the running application."""
    config = config_of(request)
    return Door(
        access=access_of(request), issuer=issuer_of(config), base=base_of(config), signer=signer_of(config),
        origin=origin_of(request, request.app.state.proxies),
    )  # fmt: skip


def keys_of(request: Request) -> Keys:
    """The keys of software, of the running application."""
    state = request.app.state
    if not hasattr(state, "software_keys"):
        state.software_keys = Keys(Outgoing(allowed=trusted(config_of(request).software_networks)))
    keys: Keys = state.software_keys
    return keys


def issuer_of(config: Config) -> str:
    """Our address, as applications know us."""
    return config.base_url.rstrip("/")


def base_of(config: Config) -> str:
    """Our FHIR address: what `aud` and `iss` say."""
    return f"{issuer_of(config)}/fhir"


def config_of(request: Request) -> Config:
    """The settings of the running application."""
    config: Config = request.app.state.platform.config
    return config


def access_of(request: Request) -> Access:
    """The way in, of the running application."""
    access: Access = request.app.state.platform.access
    return access


routes: list[Declared] = [
    bare("/fhir/.well-known/smart-configuration", configuration),
    bare("/.well-known/openid-configuration", discovery),
    bare(JWKS, jwks),
    bare(TOKEN, answering(token), methods=("POST",), max_body=BODY),
    bare(INTROSPECT, answering(introspect), methods=("POST",), max_body=BODY),
    bare(REVOKE, answering(revoke), methods=("POST",), max_body=BODY),
    bare(REGISTER, answering(register), methods=("POST",), max_body=BODY),
]
