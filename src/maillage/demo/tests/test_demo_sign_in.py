"""What the identity provider says of each persona gives them the role of the demonstration."""

import pytest

from maillage.connectors.psc import SignInRefused, carded, cardless
from maillage.demo.personas import PERSONAS, UNPROVEN, Persona, granted_role


@pytest.mark.parametrize("one", [persona for persona in PERSONAS if persona.role != "system"], ids=lambda one: one.id)
def test_a_persona_signs_in_with_the_role_it_shows(one: Persona) -> None:
    if one.card:
        professional = carded(one.claims())
        assert (professional.role, professional.rpps, professional.name) == (granted_role(one), one.rpps, one.name)
    else:
        person = cardless(one.claims(), {"amr": list(one.proofs)})
        assert (person.role, person.reference, person.name) == (granted_role(one), one.reference, one.name)


def test_the_emulator_knows_one_who_is_refused() -> None:
    (one,) = UNPROVEN
    with pytest.raises(SignInRefused) as refused:
        cardless(one.claims(), {"amr": list(one.proofs)})
    assert refused.value.reason == "cle"
