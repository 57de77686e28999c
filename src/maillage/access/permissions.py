"""What each role may do. What it may do it *to* is decided row by row in SQL (`visibility.py`)."""

from enum import StrEnum

from maillage.access.actors import CARE_ROLES, Actor, Role


class Permission(StrEnum):
    """One page, verb or door that a role opens."""

    SIGNED_IN = "signed-in"
    FHIR_READ = "fhir.read"
    FHIR_WRITE = "fhir.write"
    DIRECTORY_READ = "directory.read"
    DIRECTORY_WRITE = "directory.write"
    INBOX_READ = "inbox.read"
    INBOX_TREAT = "inbox.treat"
    MESSAGES_READ = "messages.read"
    MESSAGES_WRITE = "messages.write"
    PATIENT_SEARCH = "patient.search"
    RECORD_READ = "record.read"
    RECORD_WRITE = "record.write"
    DOCUMENT_READ = "document.read"
    DOCUMENT_WRITE = "document.write"
    CASELOAD_READ = "caseload.read"
    TASK_READ = "task.read"
    TASK_WRITE = "task.write"
    PLAN_WRITE = "plan.write"
    IDENTITY_STEWARD = "identity.steward"
    QUARANTINE_READ = "quarantine.read"
    QUARANTINE_REPLAY = "quarantine.replay"
    CONNECTORS_READ = "connectors.read"
    CIRCLE_WRITE = "circle.write"
    SUPPORT_ASK = "support.ask"
    SUPPORT_OWN = "support.own"
    SUPPORT_TRIAGE = "support.triage"
    OWN_RECORD_READ = "own-record.read"
    OWN_ACCESS_READ = "own-access.read"
    RECORD_COPY = "record.copy"
    INDICATORS_READ = "indicators.read"
    AUDIT_READ = "audit.read"
    CHOICES_MAKE = "choices.make"
    CHOICES_COLLECT = "choices.collect"
    CARERS_NAME = "carers.name"
    GUARDIANS_NAME = "guardians.name"
    REQUESTS_ANSWER = "requests.answer"
    CORRECTIONS_ANSWER = "corrections.answer"
    ERASURE_DECIDE = "erasure.decide"
    CONSTANT_LOG = "constant.log"
    NOTEBOOK_WRITE = "notebook.write"
    NOTEBOOK_OWN = "notebook.own"
    QUESTIONNAIRE_OWN = "questionnaire.own"
    ROUND_READ = "round.read"
    SECRETS_KEEP = "secrets.keep"
    SECRETS_SAY = "secrets.say"
    EMERGENCY_OPEN = "emergency.open"
    EMERGENCY_CALL = "emergency.call"
    EMERGENCY_REVIEW = "emergency.review"
    HABILITATION_WRITE = "habilitation.write"
    MESSAGE_RECEIVE = "message.receive"
    ACCOUNT_MANAGE = "account.manage"
    SESSION_END = "session.end"
    SOFTWARE_MANAGE = "software.manage"
    SOFTWARE_ALLOW = "software.allow"
    SOFTWARE_OWN = "software.own"


_SIGNED_IN = frozenset({Permission.SIGNED_IN, Permission.FHIR_READ, Permission.DIRECTORY_READ})
_IN_CIRCLE = _SIGNED_IN | {
    Permission.SOFTWARE_ALLOW,
    Permission.FHIR_WRITE,
    Permission.INBOX_READ,
    Permission.INBOX_TREAT,
    Permission.MESSAGES_READ,
    Permission.MESSAGES_WRITE,
    Permission.PATIENT_SEARCH,
    Permission.RECORD_READ,
    Permission.RECORD_WRITE,
    Permission.DOCUMENT_READ,
    Permission.TASK_READ,
    Permission.TASK_WRITE,
    Permission.PLAN_WRITE,
    Permission.CHOICES_COLLECT,
    Permission.CORRECTIONS_ANSWER,
    Permission.NOTEBOOK_WRITE,
    Permission.SUPPORT_ASK,
    Permission.CIRCLE_WRITE,
}
_CARE = _IN_CIRCLE | {
    Permission.CONSTANT_LOG,
    Permission.ROUND_READ,
    Permission.DOCUMENT_WRITE,
    Permission.EMERGENCY_OPEN,
    Permission.SECRETS_KEEP,
}
_COORDINATION = _IN_CIRCLE | {Permission.CASELOAD_READ, Permission.SUPPORT_TRIAGE}
_OWN = _SIGNED_IN | {
    Permission.SOFTWARE_ALLOW,
    Permission.OWN_RECORD_READ,
    Permission.NOTEBOOK_OWN,
    Permission.QUESTIONNAIRE_OWN,
    Permission.OWN_ACCESS_READ,
    Permission.DOCUMENT_READ,
    Permission.SUPPORT_OWN,
    Permission.MESSAGES_READ,
    Permission.MESSAGES_WRITE,
}
_MACHINE = _SIGNED_IN | {
    Permission.FHIR_WRITE,
    Permission.DIRECTORY_WRITE,
    Permission.MESSAGE_RECEIVE,
    Permission.DOCUMENT_READ,
    Permission.DOCUMENT_WRITE,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    **dict.fromkeys(CARE_ROLES, _CARE),
    Role.COORDINATOR: _COORDINATION,
    Role.SOCIAL_WORKER: _COORDINATION,
    Role.PATIENT: _OWN
    | {Permission.FHIR_WRITE, Permission.CHOICES_MAKE, Permission.RECORD_COPY, Permission.CARERS_NAME, Permission.SECRETS_SAY},
    Role.CARER: _OWN,
    Role.REPRESENTATIVE: _OWN | {Permission.FHIR_WRITE, Permission.CHOICES_MAKE, Permission.RECORD_COPY},
    Role.REGULATOR: frozenset({Permission.EMERGENCY_CALL}),
    Role.STEWARD: _SIGNED_IN
    | {
        Permission.FHIR_WRITE,
        Permission.PATIENT_SEARCH,
        Permission.IDENTITY_STEWARD,
        Permission.QUARANTINE_READ,
        Permission.QUARANTINE_REPLAY,
    },
    Role.OPERATOR: _SIGNED_IN
    | {
        Permission.FHIR_WRITE,
        Permission.DIRECTORY_WRITE,
        Permission.CONNECTORS_READ,
        Permission.INDICATORS_READ,
        Permission.QUARANTINE_READ,
        Permission.QUARANTINE_REPLAY,
        Permission.ACCOUNT_MANAGE,
        Permission.SOFTWARE_MANAGE,
        Permission.SESSION_END,
    },
    Role.OFFICER: _SIGNED_IN
    | {
        Permission.AUDIT_READ,
        Permission.EMERGENCY_REVIEW,
        Permission.HABILITATION_WRITE,
        Permission.GUARDIANS_NAME,
        Permission.REQUESTS_ANSWER,
        Permission.ERASURE_DECIDE,
    },
    Role.ADMINISTRATOR: _SIGNED_IN | {Permission.ACCOUNT_MANAGE},
    Role.EDITOR: frozenset({Permission.SIGNED_IN, Permission.SOFTWARE_OWN}),  # sees no record and no directory
    Role.ARS: _SIGNED_IN | {Permission.INDICATORS_READ},
    Role.SYSTEM: _MACHINE,
    Role.JOB: _MACHINE
    | (_CARE - {Permission.EMERGENCY_OPEN, Permission.SOFTWARE_ALLOW})
    | (_COORDINATION - {Permission.SOFTWARE_ALLOW})
    | {Permission.IDENTITY_STEWARD, Permission.QUARANTINE_REPLAY, Permission.INDICATORS_READ},
}

GRAVE = frozenset({
    Permission.EMERGENCY_OPEN, Permission.EMERGENCY_REVIEW, Permission.AUDIT_READ, Permission.HABILITATION_WRITE, Permission.CHOICES_MAKE,
    Permission.RECORD_COPY, Permission.ACCOUNT_MANAGE, Permission.CARERS_NAME, Permission.GUARDIANS_NAME, Permission.SECRETS_SAY,
    Permission.SOFTWARE_MANAGE, Permission.SESSION_END, Permission.REQUESTS_ANSWER, Permission.ERASURE_DECIDE,
})  # fmt: skip
"""Pages behind these ask for a fresh proof of who the person is: a session left open on a desk is not enough."""


BY_SOFTWARE = frozenset({
    Permission.FHIR_READ, Permission.FHIR_WRITE, Permission.DIRECTORY_WRITE, Permission.IDENTITY_STEWARD, Permission.AUDIT_READ,
    Permission.OWN_ACCESS_READ,
})  # fmt: skip
"""What a person's role still opens when they act through a software, within its scopes: the FHIR API, and no verb of a page."""


def permits(actor: Actor, permission: Permission) -> bool:
    """Whether one of the actor's roles opens this; through a software, less what is for people at our own pages."""
    if actor.client is not None and permission not in BY_SOFTWARE:
        return False
    return any(permission in PERMISSIONS[role] for role in actor.roles)
