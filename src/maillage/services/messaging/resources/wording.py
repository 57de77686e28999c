"""What a notice says, by what it is about: the services above, whose resources these are, register the words and the address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from maillage.services.rights import public as rights


@dataclass(frozen=True, slots=True)
class Words:
    """What a line of an inbox says: `title` in bold, `detail` why, `source` from whom, `address` the page where it is dealt with; `urgent` marks it."""

    title: str
    detail: str = ""
    source: str = ""
    address: str = ""
    urgent: bool = False


Renderer: TypeAlias = Callable[[Mapping[str, Any]], Words]

_RENDERERS: dict[str, Renderer] = {}


def renders(kind: str) -> Callable[[Renderer], Renderer]:
    """Declare the words of a kind of notice ("support-request"), or of every notice about a type ("Task"): `@renders("Task") def words(resource) -> Words`.

    The function is pure, and takes the resource as the reader sees it, whoever wrote it.
    """

    def declare(renderer: Renderer) -> Renderer:
        _RENDERERS[kind] = renderer
        return renderer

    return declare


def words_of(kind: str, resource: Mapping[str, Any], *, patient: str) -> Words:
    """The words for a notice of this kind about a resource; what nobody renders is named by its type and leads to the record."""
    renderer = _RENDERERS.get(kind) or _RENDERERS.get(resource["resourceType"])
    if renderer is not None:
        return renderer(resource)
    thing = rights.thing_words(str(resource["resourceType"]))
    return Words(f"À voir : {thing}", address=f"/patients/{patient}")
