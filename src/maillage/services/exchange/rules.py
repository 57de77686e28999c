"""Decides from its header whether a message can be taken, and what kind of answer its sender wants. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from maillage.services.exchange.resources.answers import Header, Refused

VERSIONS = ("2.5", "2.5.1", "2.6")
PROCESSING = ("P", "D", "T")


def refusal(header: Header, types: Collection[str]) -> Refused | None:
    """Why a message with this header is not taken, or None. `types`: those for which a handler is registered.

    What concerns the envelope (MSH) is rejected, AR: sending it again unchanged will never help. The rest is an error, AE.
    Source: HL7 v2.6 §2.9.2.
    """
    return _envelope(header) or _type(header, types) or _people(header)


def _envelope(header: Header) -> Refused | None:
    if not header.control_id:
        return Refused.at("MSH-10", "le message n'a pas d'identifiant (MSH-10)", error="101", code="AR")
    if not header.source.strip("|"):
        return Refused.at(
            "MSH-3", "le message ne dit pas quelle application et quel établissement l'envoient", error="101", code="AR"
        )
    if header.version not in VERSIONS:
        known = ", ".join(VERSIONS)
        return Refused.at(
            "MSH-12.1", f"la version « {header.version} » n'est pas reçue ; reçues : {known}", error="203", code="AR"
        )
    if header.processing not in PROCESSING:
        known = ", ".join(PROCESSING)
        return Refused.at(
            "MSH-11.1",
            f"le mode de traitement « {header.processing} » n'est pas connu ; connus : {known}",
            error="202",
            code="AR",
        )
    return None


def _type(header: Header, types: Collection[str]) -> Refused | None:
    if not header.code:
        return Refused.at("MSH-9.1", "le message ne dit pas son type", error="101", code="AR")
    if header.type in types:
        return None
    events = sorted(known.split("^")[1] for known in types if known.startswith(f"{header.code}^"))
    if events:
        return Refused.at(
            "MSH-9.2",
            f"l'événement « {header.event} » de {header.code} n'est pas reçu ; reçus : {', '.join(events)}",
            error="201",
            code="AR",
        )
    codes = ", ".join(sorted({known.split("^")[0] for known in types}))
    return Refused.at("MSH-9.1", f"le type « {header.code} » n'est pas reçu ; reçus : {codes}", error="200", code="AR")


def _people(header: Header) -> Refused | None:
    if header.people <= 1:
        return None
    return Refused.at(
        "PID", "un message concerne une seule personne : celui-ci a plusieurs segments PID", error="100", sequence=2
    )


def may_speak_for(name: str | None, source: str, sources: Collection[tuple[str, str]]) -> bool:
    """Whether the holder of a certificate (its CN) may send as this source. No list: whoever may connect may send."""
    return not sources or (name or "", source) in sources


def answer_wanted(code: str, accept: str, application: str) -> str | None:
    """MSA-1 of the answer to send, or None for no answer, as MSH-15 and MSH-16 ask (HL7 table 0155, §2.9.2 and §2.9.3).

    Both empty is the original mode: AA, AE or AR. In enhanced mode the application's answer is the one that is given,
    because it is ready at once; where the sender wants none, its commit answer (CA, CE, CR) is given if that is wanted.
    """
    good = code == "AA"
    if not accept and not application:
        return code
    if _asks(application, good):
        return code
    return "C" + code[1] if _asks(accept, good) else None


def _asks(condition: str, good: bool) -> bool:
    return condition == "AL" or (condition == "SU" and good) or (condition == "ER" and not good)


QUIET = timedelta(days=3)
"""A source that says nothing for so long is worth a telephone call."""


def source_state(*, last_at: datetime, waiting: int, now: datetime) -> str:
    """How an MLLP source fares: "watch" when something of it waits in quarantine or it fell silent, else "good"."""
    return "watch" if waiting or now - last_at > QUIET else "good"
