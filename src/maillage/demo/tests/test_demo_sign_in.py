"""What the identity provider says of each persona gives them the role of the demonstration."""

import pytest

from maillage.connectors.psc import SignInRefused, carded, cardless
from maillage.demo.claims import citizens, claims_of, professionals_and_staff
from maillage.demo.personas import PERSONAS, UNPROVEN, Persona, granted_role

WITHOUT_BIRTH = [one for one in PERSONAS if one.birth is None and one.role != "system"]


def test_each_persona_is_known_to_one_emulator() -> None:
    known = [one["id"] for one in (*professionals_and_staff(), *citizens())]
    assert len(known) == len(set(known))
    assert {one.id for one in PERSONAS if one.role != "system"} < set(known)


@pytest.mark.parametrize("one", WITHOUT_BIRTH, ids=lambda one: one.id)
def test_a_persona_signs_in_with_the_role_it_shows(one: Persona) -> None:
    if one.card:
        professional = carded(claims_of(one))
        assert (professional.role, professional.rpps, professional.name) == (granted_role(one), one.rpps, one.name)
        assert professional.regulates == one.regulates
        assert len(professional.practices) == 1 + len(one.also)
    else:
        person = cardless(claims_of(one), {"amr": list(one.proofs)})
        assert (person.role, person.reference, person.name) == (granted_role(one), one.reference, one.name)


def test_the_emulator_knows_one_who_is_refused() -> None:
    (one,) = UNPROVEN
    with pytest.raises(SignInRefused) as refused:
        cardless(claims_of(one), {"amr": list(one.proofs)})
    assert refused.value.reason == "cle"
