"""What the identity provider says of each persona gives them the role of the demonstration."""

import pytest

from maillage.connectors.psc import carded, cardless
from maillage.demo.personas import PERSONAS, Persona, granted_role


@pytest.mark.parametrize("one", [persona for persona in PERSONAS if persona.role != "system"], ids=lambda one: one.id)
def test_a_persona_signs_in_with_the_role_it_shows(one: Persona) -> None:
    if one.card:
        professional = carded(one.claims())
        assert (professional.role, professional.rpps, professional.name) == (granted_role(one), one.rpps, one.name)
    else:
        person = cardless(one.claims())
        assert (person.role, person.reference, person.name) == (granted_role(one), one.reference, one.name)
