"""The emulator's HTTP side: the endpoints of Pro Santé Connect's Keycloak realm, and a page to choose who one is."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from maillage.connectors.emulation import NO_STORE, STYLE, Pages
from maillage.connectors.psc.emulator.realm import CIBA, Asked, Client, Realm, Refused

REALM_PATH = "/auth/realms/esante-wallet"
OIDC = f"{REALM_PATH}/protocol/openid-connect"
_PAGES = Pages("maillage.connectors.psc.emulator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Which provider is emulated: its name on the pages, the end of its issuer, and the paths of its endpoints; `push` is that of CIBA, if any."""

    name: str
    realm: str
    authorize: str
    token: str
    userinfo: str
    keys: str
    sign_out: str
    push: str = ""


PRO_SANTE_CONNECT = Service(
    name="Pro Santé Connect", realm=REALM_PATH, authorize=f"{OIDC}/auth", token=f"{OIDC}/token", userinfo=f"{OIDC}/userinfo",
    keys=f"{OIDC}/certs", sign_out=f"{OIDC}/logout", push=f"{OIDC}/ext/ciba/auth",
)  # fmt: skip


def create_emulator(realm: Realm, service: Service = PRO_SANTE_CONNECT) -> Starlette:
    """The application; `realm.issuer` must be the address it is served at, followed by the service's `realm`."""
    doors = _Doors(realm, service)
    telephone = _telephone(service, doors) if service.push else []  # FranceConnect asks nobody on their telephone
    return Starlette(
        routes=[
            Route(f"{service.realm}/.well-known/openid-configuration", doors.discovery),
            Route(f"{service.realm}/.well-known/wallet-openid-configuration", doors.discovery),
            Route(service.authorize, doors.authorize),
            Route(service.token, doors.token, methods=["POST"]),
            Route(f"{service.token}/introspect", doors.introspect, methods=["POST"]),
            Route(service.userinfo, doors.userinfo, methods=["GET", "POST"]),
            Route(service.keys, doors.certs),
            Route(service.sign_out, doors.logout),
            STYLE,
            Route("/", doors.home),
            *telephone,
        ]
    )


def _telephone(service: Service, doors: "_Doors") -> list[Route]:
    return [
        Route(service.push, doors.push, methods=["POST"]),
        Route("/telephone", doors.telephone, methods=["GET"]),
        Route("/telephone", doors.answer, methods=["POST"]),
    ]


class _Doors:
    def __init__(self, realm: Realm, service: Service) -> None:
        self._realm = realm
        self._service = service

    async def discovery(self, request: Request) -> Response:
        service = self._service
        base = self._realm.issuer.removesuffix(service.realm)
        pushes = {
            "backchannel_authentication_endpoint": base + service.push,
            "backchannel_token_delivery_modes_supported": ["poll"],
        }
        return JSONResponse(
            (pushes if service.push else {})
            | {
                "issuer": self._realm.issuer,
                "authorization_endpoint": base + service.authorize,
                "token_endpoint": base + service.token,
                "introspection_endpoint": f"{base}{service.token}/introspect",
                "userinfo_endpoint": base + service.userinfo,
                "end_session_endpoint": base + service.sign_out,
                "jwks_uri": base + service.keys,
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", *([CIBA] if service.push else [])],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "scopes_supported": ["openid", "scope_all", "profile", "email"],
                "acr_values_supported": ["eidas1"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        try:
            asked = self._realm.ask(request.query_params)
        except Refused as error:
            return self._page("psc/refus.html", status=400, error=error.error, description=str(error))
        persona = request.query_params.get("persona") or request.query_params.get("login_hint", "")
        if persona in self._realm.personas:
            return self._return(asked, persona)
        if persona == "refus":
            return _back(asked, error="access_denied", error_description="the person refused")
        choices = [
            (one, f"?{urlencode({**request.query_params, 'persona': one.id})}") for one in self._realm.offered(asked.client)
        ]
        refusal = f"?{urlencode({**request.query_params, 'persona': 'refus'})}"
        return self._page("psc/choix.html", client=asked.client, choices=choices, refusal=refusal)

    def _return(self, asked: Asked, persona: str) -> Response:
        try:
            return _back(asked, code=self._realm.grant(asked, persona), session_state=asked.state[:8])
        except Refused as error:
            return _back(asked, error=error.error, error_description=str(error))

    async def token(self, request: Request) -> Response:
        return await self._answered(request, self._realm.exchange)

    async def push(self, request: Request) -> Response:
        return await self._answered(request, self._realm.push)

    async def _answered(self, request: Request, act: Callable[[Client, dict[str, str]], dict[str, Any]]) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        client = self._client(request, form)
        if client is None:
            return _error("invalid_client", "the client is unknown or its secret is wrong", 401)
        try:
            return JSONResponse(act(client, form), headers=NO_STORE)
        except Refused as error:
            return _error(error.error, str(error), 400)

    async def telephone(self, request: Request) -> Response:
        return self._page("psc/telephone.html", questions=self._realm.waiting())

    async def answer(self, request: Request) -> Response:
        form = await request.form()
        self._realm.answer(str(form.get("question", "")), yes=form.get("reponse") == "oui")
        return RedirectResponse("/telephone", status_code=303)

    async def introspect(self, request: Request) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        if self._client(request, form) is None:
            return _error("invalid_client", "the client is unknown or its secret is wrong", 401)
        return JSONResponse(self._realm.introspect(form.get("token", "")), headers=NO_STORE)

    async def userinfo(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = self._realm.userinfo(token) if scheme.lower() == "bearer" else None
        if claims is None:
            return _error("invalid_token", "the access token is unknown or has expired", 401)
        signed = self._realm.signed(token, claims)
        if signed is not None:
            return Response(signed, media_type="application/jwt", headers=NO_STORE)
        return JSONResponse(claims, headers=NO_STORE)

    async def certs(self, request: Request) -> Response:
        return JSONResponse({"keys": [self._realm.key.as_dict(private=False)]})

    async def logout(self, request: Request) -> Response:
        query = request.query_params
        client = self._realm.sign_out(query.get("id_token_hint", ""))
        target = query.get("post_logout_redirect_uri", "")
        if client and client.may_leave_to(target):
            state = f"?{urlencode({'state': query['state']})}" if "state" in query else ""
            return RedirectResponse(target + state, status_code=302)
        return self._page("psc/sortie.html")

    async def home(self, request: Request) -> Response:
        return self._page(
            "psc/accueil.html",
            personas=self._realm.personas.values(),
            issuer=self._realm.issuer,
            telephone=bool(self._service.push),
        )

    def _page(self, template: str, **values: Any) -> Response:
        return _PAGES.page(template, service=self._service.name, **values)

    def _client(self, request: Request, form: dict[str, str]) -> Client | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return self._realm.client_of(form.get("client_id", ""), form.get("client_secret", ""))
        try:
            name, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._realm.client_of(unquote_plus(name), unquote_plus(secret))


def _back(asked: Asked, **answer: str) -> Response:
    joint = "&" if "?" in asked.redirect_uri else "?"
    return RedirectResponse(f"{asked.redirect_uri}{joint}{urlencode({**answer, 'state': asked.state})}", status_code=302)


def _error(error: str, description: str, status: int) -> Response:
    headers = dict(NO_STORE)
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="{error}"'
    return JSONResponse({"error": error, "error_description": description}, status_code=status, headers=headers)
