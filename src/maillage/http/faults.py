"""A fault is rendered here once: an OperationOutcome for programs, a page in French for people."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, urlencode

import msgspec
from starlette.responses import HTMLResponse, RedirectResponse, Response

from maillage.errors import InsufficientScope, MaillageError, TooLarge, TooMany, TooSlow, Unauthenticated
from maillage.fhir.outcome import outcome
from maillage.http.formats import FHIR_JSON, shown_fault
from maillage.http.request import Request

SIGN_IN = "/connexion"
ERROR_TEMPLATE = "fault.html"

# `ui.render`: (request, context or None, template, **values). `ui` is above this package, so it is handed in.
Render = Callable[..., Response]


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads of a fault: what happened, and what to do."""

    title: str
    what: str
    then: str


_RETRY = "Réessayez dans un instant. Si cela dure, prévenez le support de votre région."
WORDS = {
    400: Words("Demande incomprise", "La demande contient une valeur inattendue.", "Revenez en arrière, corrigez et renvoyez."),
    401: Words("Connexion nécessaire", "Cette page demande de s’identifier.", "Identifiez-vous, vous reviendrez ici."),
    403: Words("Accès refusé", "Votre rôle n’ouvre pas cette page ou cette action.",
               "Si vous devez y accéder, demandez-le à votre responsable."),
    404: Words("Page introuvable", "Rien à cette adresse, ou rien que vous puissiez voir.", "Vérifiez l’adresse ou repartez de l’accueil."),
    405: Words("Action impossible", "Cette adresse ne sait pas faire cela.", "Repartez de l’accueil."),
    406: Words("Format non proposé", "Ce contenu n’existe pas dans le format demandé.", "Ouvrez-le depuis la page qui le propose."),
    408: Words("Envoi interrompu", "Votre envoi n’est pas arrivé en entier : rien n’a été enregistré.", "Renvoyez-le quand le réseau est meilleur."),
    409: Words("Modifié entre-temps", "Quelqu’un d’autre a modifié ces informations.", "Rechargez la page, puis reprenez votre saisie."),
    410: Words("Supprimé", "Ce contenu a été supprimé.", "Repartez de l’accueil."),
    412: Words("Modifié entre-temps", "Quelqu’un d’autre a modifié ces informations.", "Rechargez la page, puis reprenez votre saisie."),
    413: Words("Envoi trop volumineux", "Le fichier ou le texte envoyé dépasse la taille permise.", "Réduisez-le puis renvoyez."),
    414: Words("Adresse trop longue", "L’adresse demandée dépasse la longueur permise.", "Réduisez la recherche puis renvoyez."),
    415: Words("Format refusé", "Ce format n’est pas accepté ici.", "Choisissez un autre format puis renvoyez."),
    422: Words("Données refusées", "Une donnée ne respecte pas les règles.", "Corrigez puis renvoyez."),
    429: Words("Trop de demandes", "Beaucoup de demandes sont venues en peu de temps.", "Attendez une minute, puis réessayez."),
    500: Words("Erreur de la plateforme", "La demande n’a pas abouti et rien n’a été enregistré.", _RETRY),
    503: Words("Momentanément indisponible", "Un service dont la page a besoin ne répond pas.", _RETRY),
}  # fmt: skip


class MethodNotAllowed(MaillageError):
    """The address exists and does not answer this method."""

    status = 405
    code = "not-supported"


class Fault(MaillageError):
    """Something unforeseen: the log has the place, the answer says nothing of it."""

    status = 500
    code = "exception"


def answer_fault(request: Request, error: MaillageError, render: Render | None) -> Response:
    """The answer to a refused request, in the form its sender understands."""
    if not _for_people(request):
        response: Response = shown_fault(request, _outcome(error))
    elif isinstance(error, Unauthenticated):
        response = _to_sign_in(request)
    else:
        response = _page(request, error, render)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="maillage"'
    if isinstance(error, InsufficientScope):
        response.headers["WWW-Authenticate"] = 'Bearer realm="maillage", error="insufficient_scope"'
    if error.status == 503:
        response.headers["Retry-After"] = "2"
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.wait)
    if isinstance(error, TooLarge | TooSlow):
        response.headers["Connection"] = "close"
    return response


def sign_in_address(request: Request) -> str:
    """Where to sign in and then come back to the page that was asked (only a GET can be come back to)."""
    if request.method != "GET":
        return SIGN_IN
    path = quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
    return SIGN_IN if path == "/" else f"{SIGN_IN}?{urlencode({'suite': path})}"


def _for_people(request: Request) -> bool:
    return request.wants_html and not request.scope["path"].startswith("/fhir")


def _outcome(error: MaillageError) -> Response:
    return Response(msgspec.json.encode(outcome(error.issues)), status_code=error.status, media_type=FHIR_JSON)


def _to_sign_in(request: Request) -> Response:
    if request.is_htmx:
        return Response(status_code=401, headers={"HX-Redirect": sign_in_address(request)})
    return RedirectResponse(sign_in_address(request), status_code=303)


def _page(request: Request, error: MaillageError, render: Render | None) -> Response:
    words = WORDS.get(error.status, WORDS[500])
    if render is None:
        return plain_page(words.title, f"<p>{escape(words.what)}</p><p>{escape(words.then)}</p>", status=error.status)
    response = render(
        request, None, ERROR_TEMPLATE, words=words, refused=error.status == 403, status=error.status, request_id=request.id
    )
    response.status_code = error.status
    return response


def plain_page(title: str, body: str, *, status: int = 200) -> Response:
    """A page without the shared layout, for when it is absent or what failed. `body` is HTML already escaped."""
    return HTMLResponse(
        "<!doctype html><html lang='fr'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)} – Maillage</title></head><body><main><h1>{escape(title)}</h1>{body}"
        "<p><a href='/'>Accueil</a></p></main></body></html>",
        status_code=status,
    )
