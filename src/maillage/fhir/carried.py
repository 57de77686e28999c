"""What a Bundle carries as its first entry: the Composition of a document, the MessageHeader of a message (R4 bundle.html#search).

It is found by its fullUrl and by `Type/id`, as it stands in the Bundle: whether the store holds one of that name is another question.
"""

from typing import Any

from maillage.fhir.definitions import SearchParameter
from maillage.fhir.extraction import Collect, IndexRows
from maillage.fhir.tokens import token


def collector(kind: str, parameter: SearchParameter) -> Collect:
    """What collects the first resource of a Bundle, where it is of a type that the parameter is for."""

    def collect(value: Any, rows: IndexRows) -> None:
        entries = value.get("entry")
        first = entries[0] if entries else {}
        resource = first.get("resource", {})
        if resource.get("resourceType") not in parameter.targets:
            return
        rows.present.add(parameter.code)
        name = f"{resource['resourceType']}/{resource['id']}" if "id" in resource else None
        rows.tokens.update(token(kind, parameter.code, form) for form in (first.get("fullUrl"), name) if form)

    return collect
