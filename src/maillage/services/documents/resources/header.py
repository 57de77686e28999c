"""The values of a CDA R2 header that sharing a document needs (CI-SIS, volet Structuration minimale 1.16)."""

from dataclasses import dataclass, field

from maillage.ui.words import honorific

INS_ROOTS = frozenset(f"1.2.250.1.213.1.4.{last}" for last in (8, 9, 10, 11))
"""Assigning authorities of the national identity: NIR, NIA, and the NIR of tests and demonstrations."""

IDNPS = "1.2.250.1.71.4.2.1"
IDNST = "1.2.250.1.71.4.2.2"
"""National identifiers of professionals (8 + RPPS, 0 + ADELI) and structures (1 + FINESS, 3 + SIRET)."""


@dataclass(frozen=True, slots=True)
class InstanceId:
    """An HL7 instance identifier: an OID or UUID, with an extension or alone."""

    root: str
    extension: str = ""

    @property
    def system(self) -> str:
        """The FHIR system this identifier is a value of."""
        return _urn(self.root) if self.extension else "urn:ietf:rfc:3986"

    @property
    def value(self) -> str:
        """The FHIR value: the extension, or the root as a URN when it stands alone."""
        return self.extension or _urn(self.root)

    @property
    def text(self) -> str:
        """The XDS uniqueId: `root` or `root^extension` (IHE ITI TF-3 §4.2.3.2.26)."""
        root = self.root.removeprefix("urn:uuid:").lower()
        return f"{root}^{self.extension}" if self.extension else root


def _urn(root: str) -> str:
    return f"urn:oid:{root}" if root[:1].isdigit() and "-" not in root else f"urn:uuid:{root.lower()}"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value; `system` is the OID the document gives, without `urn:oid:`."""

    code: str
    system: str = ""
    display: str = ""


@dataclass(frozen=True, slots=True)
class PersonName:
    """The name of a person who acts."""

    family: str = ""
    given: str = ""
    prefix: str = ""
    suffix: str = ""

    @property
    def text(self) -> str:
        """« Dr Charles DAVID »: as the document spells it, but for the code of the honorific."""
        return " ".join(part for part in (honorific(self.suffix or self.prefix), self.given, self.family) if part)


@dataclass(frozen=True, slots=True)
class Organization:
    """A structure; `sector` is its practice setting (JDV_J04)."""

    id: InstanceId | None = None
    name: str = ""
    sector: Code | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """A person or device that did something in the name of a structure. `time` is a FHIR dateTime."""

    id: InstanceId | None = None
    name: PersonName | None = None
    device: str = ""
    specialty: Code | None = None
    organization: Organization | None = None
    time: str | None = None

    @property
    def text(self) -> str:
        """How a page names the agent: the person, else the device, else the structure."""
        person = self.name.text if self.name else ""
        return person or self.device or (self.organization.name if self.organization else "")


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address as the document gives it, line by line."""

    lines: tuple[str, ...] = ()
    postal_code: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient as the document names them.

    `birth_given_list` holds all given names of the birth certificate, `first_given` the first of them; `birth_date` is ISO,
    cut to what is known (`1979-03-28`, `1979`); `sex` is M, F or U as in the document; `birthplace` is a COG code.
    """

    ins: InstanceId | None = None
    identifiers: tuple[InstanceId, ...] = ()
    birth_family: str = ""
    birth_given_list: str = ""
    first_given: str = ""
    used_family: str = ""
    used_given: str = ""
    birth_date: str = ""
    sex: str = ""
    birthplace: str = ""
    address: Address = field(default_factory=Address)
    telecoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """Start and end as FHIR dateTimes; either may be unknown."""

    start: str | None = None
    end: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """An act the document is about."""

    id: InstanceId | None = None
    code: Code | None = None
    period: Period = field(default_factory=Period)
    performer: Agent | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """The stay or visit during which the document was made; `facility_type` is from JDV_J02."""

    id: InstanceId | None = None
    code: Code | None = None
    period: Period = field(default_factory=Period)
    facility_type: Code | None = None
    facility: Organization | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """Everything sharing needs to know of a document without reading its body."""

    id: InstanceId
    type: Code
    title: str
    created: str
    confidentiality: Code
    language: str
    subject: Subject
    authors: tuple[Agent, ...]
    custodian: Organization
    set_id: InstanceId | None = None
    version: int | None = None
    templates: tuple[InstanceId, ...] = ()
    legal_authenticator: Agent | None = None
    recipients: tuple[Agent, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    orders: tuple[InstanceId, ...] = ()
    replaces: tuple[InstanceId, ...] = ()
    encounter: Encounter | None = None

    @property
    def main_event(self) -> ServiceEvent:
        """The act with a performer (CI-SIS: exactly one), else the first."""
        performed = [event for event in self.events if event.performer]
        return (performed or list(self.events) or [ServiceEvent()])[0]

    @property
    def practice_setting(self) -> Code | None:
        """Where the act was practised: sector of the main act's performer, else of an author (XDS practiceSettingCode)."""
        agents = (self.main_event.performer, self.legal_authenticator, *self.authors)
        return next((a.organization.sector for a in agents if a and a.organization and a.organization.sector), None)

    @property
    def period(self) -> Period:
        """When the documented care took place: the main act, else the stay, else the making of the document."""
        candidates = (self.main_event.period, self.encounter.period if self.encounter else Period())
        return next((p for p in candidates if p.start), Period(start=self.created))
