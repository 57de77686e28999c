"""Every door is declared: its permission, or that it is public, and nothing is served by another way."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import maillage.http
import maillage.services
from maillage.http.app import own_routes
from maillage.http.routes import Declared, Kind

# What anyone may open. A new one is a decision: it is added here with its reason.
PUBLIC = {
    "/health": "an operator's probe, nothing about anyone",
    "/metrics": "counts, nothing about anyone",
    "/connexion": "to sign in, one is not signed in",
    "/connexion/retour": "to sign in, one is not signed in",
    "/connexion/{provider}": "to sign in, one is not signed in",
    "/compte/connexion": "to sign in, one is not signed in",
    "/compte/cle": "to sign in, one is not signed in",
    "/compte/cle/defi": "to sign in, one is not signed in",
    "/compte/lien": "who follows the link of an invitation has no factor yet",
    "/compte/lien/defi": "who follows the link of an invitation has no factor yet",
    "/compte/lien/cle": "who follows the link of an invitation has no factor yet",
    "/compte/lien/mot-de-passe": "who follows the link of an invitation has no factor yet",
    "/deconnexion": "signing out twice is no fault",
    "/fhir/metadata": "the CapabilityStatement (FHIR R4 §3.1.0.1: open without authorisation)",
    "/fhir/.well-known/smart-configuration": "a client reads it before it has a token",
    "/.well-known/openid-configuration": "a client reads it before it has a token",
    "/oauth/jwks": "our public key",
    "/oauth/token": "a software proves itself in the request, by its key, secret or code",
    "/oauth/introspect": "a software proves itself in the request",
    "/oauth/revoke": "a software proves itself in the request",
    "/oauth/register": "who registers is nobody yet; what is registered waits for an administrator",
    "/accessibilite": "the law's declaration, for all",
    "/donnees-personnelles": "what is kept about people, for all",
    "/": "the home page of nobody is the sign-in",
}


def door_modules() -> Iterator[ModuleType]:
    """The modules that declare routes: `pages` and `operations` of each service, and the FHIR door."""
    for package in (maillage.services, maillage.http):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.rpartition(".")[2] in {"pages", "operations"} and ".tests." not in found.name:
                yield importlib.import_module(found.name)


def declared() -> list[Declared]:
    return [*own_routes(), *(route for module in door_modules() for route in getattr(module, "routes", []))]


@pytest.mark.parametrize("module", list(door_modules()), ids=lambda module: module.__name__)
def test_a_module_of_doors_declares_its_routes(module: ModuleType) -> None:
    routes = getattr(module, "routes", None)
    assert isinstance(routes, list), f"{module.__name__} has no list `routes`"
    assert [route for route in routes if not isinstance(route, Declared)] == []


def test_every_route_names_its_permission_or_is_known_to_be_public() -> None:
    silent = [route.path for route in declared() if route.permission is None and not route.public]
    unexplained = [route.path for route in declared() if route.public and route.path not in PUBLIC]
    assert (silent, unexplained) == ([], [])


def test_no_two_routes_answer_the_same_request() -> None:
    seen = [(route.path, method) for route in declared() for method in route.methods]
    assert sorted(set(seen)) == sorted(seen)


def test_what_writes_is_not_a_get() -> None:
    assert [route.path for route in declared() if "GET" in route.methods and not route.read_only] == []
    assert [route.path for route in declared() if route.kind is Kind.ACTION and route.methods != ("POST",)] == []
