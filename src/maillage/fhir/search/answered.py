"""Which parameters a search of a type answers, and with which modifiers."""

from maillage.errors import Invalid
from maillage.fhir.definitions import SearchParameter, search_parameters
from maillage.fhir.search import values
from maillage.fhir.search.words import PARAMETERS as WORDS


class Unknown(Invalid):
    """A parameter that is not known here, or not answered."""


def searchable(kind: str) -> list[SearchParameter]:
    """The parameters that a search of this type answers, by name."""
    return [one for _, one in sorted(search_parameters(kind).items()) if _answered(one)]


def known(kind: str, code: str) -> SearchParameter:
    """The parameter of a type; Unknown when there is none, or none that is answered."""
    parameter = search_parameters(kind).get(code)
    if parameter is None:
        raise Unknown(f"{kind} has no search parameter {code}; it has {', '.join(one.code for one in searchable(kind))}")
    if not _answered(parameter):
        raise Unknown(f"searching {kind} by {code} ({parameter.type}) is not supported")
    return parameter


def _answered(parameter: SearchParameter) -> bool:
    if parameter.code in {"_id", "_lastUpdated", *WORDS}:
        return True
    return parameter.supported and parameter.type in values.MODIFIERS


def refuse_carried(parameter: SearchParameter) -> None:
    """What a resource carries within itself is not in the store: nothing leads there."""
    if parameter.carried:
        message = (
            "is a resource inside the Bundle, found by its fullUrl or Type/id: chains and includes through it are not supported"
        )
        raise Invalid(f"{parameter.code} {message}")


def check_modifier(parameter: SearchParameter, modifier: str | None) -> None:
    """Invalid for a modifier that the parameter does not take (a reference also takes the types it may name)."""
    if modifier is None or (parameter.type == "reference" and modifier in parameter.targets):
        return
    if modifier not in values.modifiers(parameter):
        raise Invalid(values.refusal(parameter, modifier))
