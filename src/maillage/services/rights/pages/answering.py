"""What the forms of the desks send: an answer about one line, kept as it was written where it cannot be meant."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import FormData


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, in `words`, with the answer about the line `id`, and what was chosen and written there. Without an id: nothing is."""

    id: str = ""
    words: str = ""
    choice: str = ""
    remark: str = ""


NONE = Fault()


def fault_in(id: str, words: str, form: FormData | Mapping[str, object], *, choice: str, remark: str) -> Fault:
    """`choice` and `remark` are the names of the two fields."""
    return Fault(id=id, words=words, choice=str(form.get(choice, "")), remark=str(form.get(remark, "")))
