"""Task ↔ an invitation into a care circle: so that who is invited finds it in « Nouveautés », and the record says that it was sent."""

from typing import Any

from maillage.services.coordination.rules.invitations import Invitation, InvitationState

Resource = dict[str, Any]

INVITATION = "urn:maillage:circle-invitation"
"""System of the code, and of the identifier, of an invitation's Task."""
_STATUS = {
    InvitationState.SENT: "requested", InvitationState.UNDELIVERED: "requested", InvitationState.OPENED: "received",
    InvitationState.ACCEPTED: "accepted", InvitationState.JOINED: "completed", InvitationState.REVOKED: "cancelled",
}  # fmt: skip


def task_for(one: Invitation) -> Resource:
    """The Task of an invitation as it stands. It names nobody but those who invite and are invited."""
    owner = one.invited or one.opener
    return {
        "resourceType": "Task",
        "id": one.id,
        "identifier": [{"system": INVITATION, "value": one.id}],
        "status": _STATUS[one.state],
        "intent": "proposal",
        "code": {"coding": [{"system": INVITATION, "code": "invitation"}], "text": "Invitation au cercle de soins"},
        "for": {"reference": f"Patient/{one.patient}"},
        "authoredOn": one.created.isoformat(timespec="seconds"),
        "lastModified": one.moved.isoformat(timespec="seconds"),
        "requester": {"reference": one.inviter, "display": one.inviter_name},
        **({"owner": {"reference": owner}} if owner else {}),
        "restriction": {"period": {"end": one.expires.isoformat(timespec="seconds")}},
    }
