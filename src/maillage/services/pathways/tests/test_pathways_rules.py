"""Protocols: what fires them, and by when."""

from datetime import UTC, datetime, timedelta

import pytest

from maillage.errors import NotFound
from maillage.services.pathways import rules, service
from maillage.services.pathways.resources import actions_of

DISCHARGE_LETTER = "11490-0"
LABORATORY_REPORT = "11502-2"


def test_a_discharge_letter_calls_for_a_phone_call_within_48_hours() -> None:
    (action,) = rules.called_for(service.actions(), fact=rules.DOCUMENT_RECEIVED, type_code=DISCHARGE_LETTER)
    at = datetime(2026, 11, 21, 11, 42, tzinfo=UTC)
    assert rules.due(action, at) == at + timedelta(hours=48)
    assert action.label == "Appel de retour à domicile"


def test_a_laboratory_report_calls_for_nothing() -> None:
    assert rules.called_for(service.actions(), fact=rules.DOCUMENT_RECEIVED, type_code=LABORATORY_REPORT) == []


def test_the_end_of_a_stay_calls_for_the_same_action_as_its_letter() -> None:
    by_stay = rules.called_for(service.actions(), fact=rules.ENCOUNTER_FINISHED)
    assert by_stay == rules.called_for(service.actions(), fact=rules.DOCUMENT_RECEIVED, type_code=DISCHARGE_LETTER)


def test_a_retired_protocol_fires_no_more() -> None:
    assert actions_of({"id": "x", "status": "retired", "action": [{"id": "y"}]}) == []


def test_an_action_that_is_no_longer_there_is_not_found() -> None:
    assert service.action("return-home", "call-within-48h").title
    with pytest.raises(NotFound, match="no action nothing"):
        service.action("return-home", "nothing")
