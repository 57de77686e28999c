"""Which passwords are accepted, how often somebody may try, who may invite whom, which codes count."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from maillage.services.accounts.forms import invitation_form
from maillage.services.accounts.rules import attempts, invitations, passwords
from maillage.services.accounts.rules.attempts import Tries
from maillage.services.accounts.service import codes

OWN = ("theo.gabarit@exemple.fr", "Théo", "Gabarit")


@pytest.mark.parametrize(
    "password",
    [
        "court",
        "azertyuiop12",
        "Azertyuiop123456",
        "motdepasse2026",
        "MotDePasse!2026",
        "m0td3p@sse2026",
        "passwordpassword",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "123456789012345",
        "Bonjour123456",
        "theogabarit2026",
        "Gabarit-exemple1",
        "qwertyuiop!!!!",
        "Marseille 2026!",
        "x" * 129,
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    assert passwords.refusal(password, own=OWN)


@pytest.mark.parametrize(
    "password",
    [
        "girafe lavande tournevis",
        "kbqzlmnwfrtd",
        "le pont enjambe trois peupliers",
        "83 tulipes pour Hector",
        "Ünïcödé-parapluie-vert",
        "V9$kq!tR2wz#",
        "маленькая ёлка растёт",
    ],
)
def test_a_long_password_needs_no_composition(password: str) -> None:
    assert passwords.refusal(password, own=OWN) is None


def test_limits_by_account_are_wide_and_by_address_narrow() -> None:
    assert not attempts.too_many(attempts.MOST)
    for name in ("pair", "account", "address", "codes"):
        assert attempts.too_many(Tries(**{name: getattr(attempts.MOST, name) + 1}))
    assert not attempts.from_too_many(Tries(account=10_000, pair=10_000))
    assert timedelta(minutes=15) >= attempts.WINDOW, "nobody bars somebody else for longer"


def test_who_may_invite_whom() -> None:
    assert set(invitations.invitable({"operator"})) == set(invitations.ROLES)
    assert set(invitations.invitable({"administrator", "social-worker"})) == set(invitations.OF_AN_ORGANIZATION)
    for role in ("gp", "patient", "steward", "officer", "ars", "social-worker"):
        assert invitations.invitable({role}) == ()


def test_no_account_has_a_role_of_care() -> None:
    assert not {"gp", "nurse", "hospital", "professional", "patient", "carer", "system", "job"} & set(invitations.ROLES)


@pytest.mark.parametrize("text", ["", "a", "a@b", "a b@c.fr", "a@b.fr\nBcc: x@y.fr", "a@b..fr", f"{'a' * 300}@b.fr"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert invitations.email_of(text) is None


def test_a_code_counts_near_its_time_only() -> None:
    secret, now = b"12345678901234567890", datetime(2026, 11, 23, 12, tzinfo=UTC)
    clock = pyotp.TOTP(codes.shown(secret))
    step = int(now.timestamp()) // codes.STEP
    for around, expected in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        assert codes.step_of(secret, clock.generate_otp(step + around), now) == expected
    assert codes.step_of(secret, "", now) is None
    assert codes.step_of(secret, "١٢٣٤٥٦", now) is None
    assert codes.step_of(b"12345678901234567890", "94287082"[-6:], datetime.fromtimestamp(59, UTC)) == 1, "RFC 6238, appendix B"


def test_a_recovery_code_is_known_however_it_is_typed() -> None:
    code = codes.new_recovery()[0]
    assert codes.recovery_of(code.upper().replace("-", " ")) == code
    assert codes.recovery_of("123456") is None
    assert len(set(codes.new_recovery())) == codes.RECOVERY


def test_an_invitation_says_what_is_missing() -> None:
    form = invitation_form({"role": "operator"}, roles=invitations.OF_AN_ORGANIZATION, organizations=("Organization/1",))
    assert set(form.faults) == {"email", "prenom", "nom", "role", "structure"}
    whole = {"email": "A@b.fr", "prenom": "Théo", "nom": "Gabarit", "role": "coordinator"}
    assert "structure" in invitation_form(whole, roles=("coordinator",), organizations=()).faults
    found = invitation_form({**whole, "structure": "51 000 000 4"}, roles=("coordinator",), organizations=())
    assert (found.faults, found.finess) == ({}, "510000004")
