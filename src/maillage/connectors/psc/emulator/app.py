"""The emulator's HTTP side: the endpoints of Pro Santé Connect's Keycloak realm, and a page to choose who one is."""

import base64
import binascii
from urllib.parse import unquote_plus, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from maillage.connectors.emulation import NO_STORE, STYLE, Pages
from maillage.connectors.psc.emulator.realm import Asked, Client, Realm, Refused

REALM_PATH = "/auth/realms/esante-wallet"
OIDC = f"{REALM_PATH}/protocol/openid-connect"
_PAGES = Pages("maillage.connectors.psc.emulator")


def create_emulator(realm: Realm) -> Starlette:
    """The application; `realm.issuer` must be the address it is served at, followed by REALM_PATH."""
    doors = _Doors(realm)
    return Starlette(
        routes=[
            Route(f"{REALM_PATH}/.well-known/openid-configuration", doors.discovery),
            Route(f"{REALM_PATH}/.well-known/wallet-openid-configuration", doors.discovery),
            Route(f"{OIDC}/auth", doors.authorize),
            Route(f"{OIDC}/token", doors.token, methods=["POST"]),
            Route(f"{OIDC}/token/introspect", doors.introspect, methods=["POST"]),
            Route(f"{OIDC}/userinfo", doors.userinfo, methods=["GET", "POST"]),
            Route(f"{OIDC}/certs", doors.certs),
            Route(f"{OIDC}/logout", doors.logout),
            STYLE,
            Route("/", doors.home),
        ]
    )


class _Doors:
    def __init__(self, realm: Realm) -> None:
        self._realm = realm

    async def discovery(self, request: Request) -> Response:
        base = self._realm.issuer.removesuffix(REALM_PATH) + OIDC
        return JSONResponse(
            {
                "issuer": self._realm.issuer,
                "authorization_endpoint": f"{base}/auth",
                "token_endpoint": f"{base}/token",
                "introspection_endpoint": f"{base}/token/introspect",
                "userinfo_endpoint": f"{base}/userinfo",
                "end_session_endpoint": f"{base}/logout",
                "jwks_uri": f"{base}/certs",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
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
            return _PAGES.page("psc/refus.html", status=400, error=error.error, description=str(error))
        persona = request.query_params.get("persona") or request.query_params.get("login_hint", "")
        if persona in self._realm.personas:
            return self._return(asked, persona)
        if persona == "refus":
            return _back(asked, error="access_denied", error_description="the person refused")
        choices = [
            (one, f"?{urlencode({**request.query_params, 'persona': one.id})}") for one in self._realm.offered(asked.client)
        ]
        refusal = f"?{urlencode({**request.query_params, 'persona': 'refus'})}"
        return _PAGES.page("psc/choix.html", client=asked.client, choices=choices, refusal=refusal)

    def _return(self, asked: Asked, persona: str) -> Response:
        try:
            return _back(asked, code=self._realm.grant(asked, persona), session_state=asked.state[:8])
        except Refused as error:
            return _back(asked, error=error.error, error_description=str(error))

    async def token(self, request: Request) -> Response:
        form = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        client = self._client(request, form)
        if client is None:
            return _error("invalid_client", "the client is unknown or its secret is wrong", 401)
        try:
            return JSONResponse(self._realm.exchange(client, form), headers=NO_STORE)
        except Refused as error:
            return _error(error.error, str(error), 400)

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
        return _PAGES.page("psc/sortie.html")

    async def home(self, request: Request) -> Response:
        return _PAGES.page("psc/accueil.html", personas=self._realm.personas.values(), issuer=self._realm.issuer)

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
