"""Who a person is: INS keys, normal forms, statuses, matching decisions, comparison."""

import pytest

from maillage.services.identity.rules import comparison, ins, status, traits
from maillage.services.identity.rules.comparison import Difference, Trait
from maillage.services.identity.rules.ins import Ins, InsFault, Root
from maillage.services.identity.rules.matching import Claim, Identifier, Known, Reason, decide
from maillage.services.identity.rules.status import IdentityStatus
from maillage.services.identity.rules.traits import Traits

PAT_TROIS = Traits("PAT-TROIS", "DOMINIQUE MARIE-LOUISE", "DOMINIQUE", "1979-03-28", "female", "51215")
INS = Ins("279035121518989", Root.NIR_TEST)
IPP = Identifier("urn:oid:1.2.3.4", "000003")


def known(patient="regional", record="regional", **said):
    return Known(patient=patient, record=record, traits=said.pop("traits", PAT_TROIS), **said)


@pytest.mark.parametrize(
    ("nir", "key"),
    [("2790351215189", 89), ("2770763220829", 10), ("1550A", None), ("269054958815", None)],
)
def test_the_key_is_97_minus_the_13_digits_modulo_97(nir, key):
    if key is None:
        with pytest.raises(ValueError, match="13 characters"):
            ins.key_of(nir)
    else:
        assert ins.key_of(nir) == key


@pytest.mark.parametrize(("nir", "as_digits"), [("180022A004123", "1800219004123"), ("290112B033045", "2901118033045")])
def test_a_birth_in_corsica_counts_2a_as_19_and_2b_as_18(nir, as_digits):
    assert ins.key_of(nir) == ins.key_of(as_digits)
    assert ins.usable(Ins(ins.with_key(nir), Root.NIR))
    assert ins.usable(Ins(ins.with_key(nir).lower(), Root.NIR))


@pytest.mark.parametrize("root", list(Root))
def test_a_right_key_is_usable_under_every_root(root):
    assert ins.fault(Ins("279035121518989", root)) is None


@pytest.mark.parametrize("root", [Root.NIR_TEST, Root.NIR_DEMO])
@pytest.mark.parametrize("matricule", ["123456789012345", "123456789012244", "279035121518988", "12345"])
def test_a_wrong_test_number_is_a_warning_as_in_the_official_examples(root, matricule):
    assert ins.fault(Ins(matricule, root)) in (InsFault.WRONG_KEY, InsFault.MALFORMED)
    assert not ins.refused(Ins(matricule, root))
    assert not ins.usable(Ins(matricule, root))


@pytest.mark.parametrize("root", [Root.NIR, Root.NIA])
def test_a_wrong_key_on_a_real_root_is_refused(root):
    assert ins.refused(Ins("123456789012244", root))


@pytest.mark.parametrize("root", list(Root))
def test_a_nir_without_its_key_identifies_nobody_and_is_kept(root):
    assert ins.fault(Ins("2790351215189", root)) is InsFault.NO_KEY
    assert not ins.usable(Ins("2790351215189", root))
    assert not ins.refused(Ins("2790351215189", root))


def test_an_unknown_root_is_refused_even_with_a_right_key():
    assert ins.fault(Ins("279035121518989", "1.2.250.1.213.1.4.12")) is InsFault.UNKNOWN_ROOT
    assert ins.refused(Ins("279035121518989", "1.2.250.1.213.1.4.12"))


def test_the_obsolete_ins_c_and_the_social_security_numbers_do_not_claim_to_be_an_ins():
    assert ins.claims_to_be_ins("urn:oid:1.2.250.1.213.1.4.8")
    assert ins.claims_to_be_ins("1.2.250.1.213.1.4.12")
    assert not any(ins.claims_to_be_ins(f"urn:oid:1.2.250.1.213.1.4.{last}") for last in (2, 13, 14))


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("D’Ávila-Nuñez", "D'AVILA-NUNEZ"),
        ("Le  Goff", "LE GOFF"),
        ("Lœtitia", "LOETITIA"),
        ("Jean‑Noël", "JEAN-NOEL"),
        ("Müller, (ép.)", "MULLER EP"),
    ],
)
def test_names_lose_accents_and_keep_hyphens_and_apostrophes(written, normal):
    assert traits.normal_name(written) == normal


@pytest.mark.parametrize(
    ("codes", "has_ins", "expected"),
    [
        ({"VALI"}, True, IdentityStatus.QUALIFIED),
        ({"VALI"}, False, IdentityStatus.VALIDATED),
        ({"PROV"}, True, IdentityStatus.RETRIEVED),
        ({"PROV"}, False, IdentityStatus.PROVISIONAL),
        (set(), False, IdentityStatus.PROVISIONAL),
        ({"VALI", "DOUT"}, True, IdentityStatus.PROVISIONAL),
        ({"VALI", "FICT"}, True, IdentityStatus.PROVISIONAL),
        ({"VALI", "HOMA"}, True, IdentityStatus.QUALIFIED),
    ],
)
def test_the_status_comes_from_the_reliability_and_the_ins(codes, has_ins, expected):
    assert status.status_of(frozenset(codes), has_ins=has_ins) is expected


def test_the_same_ins_and_coherent_traits_are_certain():
    decision = decide(Claim(PAT_TROIS, INS), [known(ins=INS)])
    assert (decision.certain, decision.reason, decision.known.patient) == (True, Reason.SAME_INS, "regional")


def test_accents_case_and_the_second_given_name_do_not_contradict():
    said = Traits("Pat-Trois", "", "Dominique", "1979-03-28", "female", "")
    assert decide(Claim(said, INS), [known(ins=INS)]).certain


def test_another_birth_place_alone_does_not_contradict_as_in_the_official_messages():
    said = Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "1979-03-28", "female", "63220")
    assert decide(Claim(said, INS), [known(ins=INS)]).certain


@pytest.mark.parametrize(
    "said",
    [
        Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "1976-05-31", "female", "51215"),
        Traits("DURAND", "DOMINIQUE", "DOMINIQUE", "1979-03-28", "female"),
        Traits("PAT-TROIS", "MARIE", "MARIE", "1979-03-28", "female"),
        Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "1979-03-28", "male"),
        Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "", "female"),
    ],
)
def test_the_same_ins_with_contradicting_or_missing_traits_is_never_certain(said):
    decision = decide(Claim(said, INS), [known(ins=INS)])
    assert (decision.known, decision.reason, [person.patient for person in decision.near]) == (
        None,
        Reason.DISCORDANT,
        ["regional"],
    )


def test_the_same_matricule_under_another_root_is_not_the_same_ins():
    decision = decide(Claim(PAT_TROIS, Ins(INS.matricule, Root.NIR_DEMO)), [known(ins=INS)])
    assert (decision.certain, decision.reason) == (False, Reason.SAME_TRAITS)


def test_a_number_with_a_wrong_key_never_identifies():
    wrong = Ins("123456789012345", Root.NIR_TEST)
    assert decide(Claim(PAT_TROIS, wrong), [known(ins=wrong)]).reason is Reason.SAME_TRAITS


@pytest.mark.parametrize("attribute", ["DOUT", "FICT"])
def test_a_doubtful_or_fictive_identity_never_identifies_by_its_ins(attribute):
    decision = decide(Claim(PAT_TROIS, INS, reliability=frozenset({"VALI", attribute})), [known(ins=INS)])
    assert not decision.certain


def test_a_facility_identifier_with_coherent_traits_is_certain():
    decision = decide(Claim(PAT_TROIS, identifiers=(IPP,)), [known(identifiers=frozenset({IPP}))])
    assert (decision.certain, decision.reason) == (True, Reason.SAME_IDENTIFIER)


def test_a_facility_identifier_given_to_somebody_else_since_is_discordant():
    said = Traits("DURAND", "PAUL", "PAUL", "1950-01-01", "male")
    assert decide(Claim(said, identifiers=(IPP,)), [known(identifiers=frozenset({IPP}))]).reason is Reason.DISCORDANT_IDENTIFIER


def test_a_facility_identifier_of_a_person_with_another_ins_is_discordant():
    other = Ins("277076322082910", Root.NIR_TEST)
    decision = decide(Claim(PAT_TROIS, other, (IPP,)), [known(ins=INS, identifiers=frozenset({IPP}))])
    assert (decision.certain, decision.reason) == (False, Reason.DISCORDANT_IDENTIFIER)


def test_the_same_traits_alone_are_left_to_a_steward():
    decision = decide(Claim(PAT_TROIS), [known()])
    assert (decision.known, decision.reason, len(decision.near)) == (None, Reason.SAME_TRAITS, 1)


def test_nobody_alike_is_a_new_person():
    assert decide(Claim(PAT_TROIS, INS), []).reason is Reason.UNKNOWN


def test_a_second_letter_of_a_person_waiting_for_a_steward_joins_the_first():
    waiting = known(patient="source", record=None, ins=INS)
    decision = decide(Claim(PAT_TROIS, INS), [waiting])
    assert (decision.known, decision.certain) == (waiting, False)


def test_the_record_is_preferred_to_an_identity_linked_to_it():
    linked, record = known(patient="a-source", record="regional", ins=INS), known(ins=INS)
    assert decide(Claim(PAT_TROIS, INS), [linked, record]).known is record


def test_an_identity_linked_by_a_steward_is_certain_with_its_own_wrong_traits():
    wrong = Traits("PAT-TROIS", "DOMINIQUE", "DOMINIQUE", "1997-03-28", "female")
    linked = known(patient="source", record="regional", ins=INS, traits=wrong)
    decision = decide(Claim(wrong, INS), [known(ins=INS), linked])
    assert (decision.certain, decision.known) == (True, linked)


def test_one_identifier_on_two_records_is_left_to_a_steward():
    people = [known(patient=p, record=p, identifiers=frozenset({IPP})) for p in ("one", "two")]
    assert decide(Claim(PAT_TROIS, identifiers=(IPP,)), people).reason is Reason.SEVERAL


def difference_of(ours, theirs, trait):
    return next(line for line in comparison.compare(ours, theirs) if line.trait is trait)


@pytest.mark.parametrize(
    ("trait", "theirs", "expected"),
    [
        (Trait.BIRTH_NAME, Traits(birth_name="PAT TROIS"), Difference.HYPHEN),
        (Trait.BIRTH_NAME, Traits(birth_name="PAT-TRIOS"), Difference.TYPING),
        (Trait.BIRTH_NAME, Traits(birth_name="MARTIN"), Difference.DIFFERENT),
        (Trait.BIRTH_NAME, Traits(birth_name="DOMINIQUE", given_names="PAT-TROIS"), Difference.SWAPPED_NAMES),
        (Trait.BIRTH_NAME, Traits(birth_name="MARTIN", used_name="PAT-TROIS"), Difference.USED_NAME_GIVEN),
        (Trait.GIVEN_NAMES, Traits(given_names="DOMINIQUE"), Difference.OTHER_GIVEN_NAMES_MISSING),
        (Trait.GIVEN_NAMES, Traits(given_names="DOMINIQUE ANNE"), Difference.SAME_FIRST_GIVEN),
        (Trait.BIRTH_DATE, Traits(birth_date="1997-03-28"), Difference.YEAR_DIGITS_SWAPPED),
        (Trait.BIRTH_DATE, Traits(birth_date="1979-03-29"), Difference.ONE_DIGIT),
        (Trait.BIRTH_DATE, Traits(birth_date="1980-01-01"), Difference.DIFFERENT),
        (Trait.BIRTH_PLACE, Traits(birth_place="99999"), Difference.MISSING),
    ],
)
def test_each_difference_has_a_name(trait, theirs, expected):
    assert difference_of(PAT_TROIS, theirs, trait).difference is expected


def test_day_and_month_swapped_are_seen():
    ours, theirs = Traits(birth_date="1979-03-08"), Traits(birth_date="1979-08-03")
    assert difference_of(ours, theirs, Trait.BIRTH_DATE).difference is Difference.DAY_MONTH_SWAPPED


def test_the_score_tells_the_same_person_from_another():
    same = comparison.score(comparison.compare(PAT_TROIS, PAT_TROIS))
    near = comparison.score(comparison.compare(PAT_TROIS, Traits("PAT TROIS", "DOMINIQUE", "", "1997-03-28", "female", "51215")))
    other = comparison.score(comparison.compare(PAT_TROIS, Traits("MARTIN", "PAUL", "", "1950-01-01", "male", "75056")))
    assert same > 0.99 > near > 0.01 > other
