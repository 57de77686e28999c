"""The calls of py_webauthn: read by `challenges` when the first passkey is asked for."""

from collections.abc import Sequence
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from maillage.services.accounts.service.accounts import Account
from maillage.services.accounts.service.challenges import NAME, NotProven, Site, bytes_of


def for_new(site: Site, account: Account, challenge: bytes, *, known: Sequence[bytes]) -> str:
    """The options of `navigator.credentials.create`, as JSON; `known` are the credentials that are not made twice."""
    options = generate_registration_options(
        rp_id=site.id,
        rp_name=NAME,
        user_name=account.email,
        user_id=account.handle,
        user_display_name=account.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
    )
    return options_to_json(options)


def for_proof(site: Site, challenge: bytes) -> str:
    """The options of `navigator.credentials.get`, as JSON."""
    required = UserVerificationRequirement.REQUIRED
    return options_to_json(generate_authentication_options(rp_id=site.id, challenge=challenge, user_verification=required))


def checked_new(site: Site, credential: dict[str, Any], challenge: bytes) -> VerifiedRegistration:
    """The passkey that an authenticator made. Raises NotProven."""
    try:
        return verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
        raise NotProven(f"the new passkey does not hold ({type(fault).__name__})") from fault


def checked_proof(
    site: Site, credential: dict[str, Any], challenge: bytes, *, public_key: bytes, counter: int
) -> tuple[VerifiedAuthentication, bytes]:
    """What a signature says, and the handle of the account that it answers for. Raises NotProven."""
    try:
        shown = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=counter,
            require_user_verification=True,
        )
        return shown, bytes_of(credential["response"].get("userHandle") or "")
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise NotProven(f"the passkey's answer does not hold ({type(fault).__name__})") from fault
