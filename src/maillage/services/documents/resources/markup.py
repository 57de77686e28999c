"""Reading the XML of a document that nobody vouches for: no entity, no DTD, no network, bounded text and depth."""

from lxml import etree

from maillage.errors import Invalid, Issue

HL7 = "urn:hl7-org:v3"
SELF_PRESENTING = "{http://www.w3.org/1999/XSL/Transform}stylesheet"
SELF_PRESENTED = "{urn:asip-sante:ci-sis}Contenu"
CLINICAL_DOCUMENT = f"{{{HL7}}}ClinicalDocument"

_FIRST_BYTES = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


def looks_like_xml(content: bytes) -> bool:
    """True when the bytes begin as an XML file may."""
    return content.lstrip()[:4].startswith(_FIRST_BYTES)


def clinical_document(content: bytes) -> etree._Element:
    """The ClinicalDocument element of a CDA file, in the encoding the file declares.

    A self-presenting document (an XSLT stylesheet that holds its CDA in `data:Contenu`, CI-SIS Structuration minimale §3.6)
    gives the document it holds; the stylesheet itself is never run.
    Raises Invalid, naming the rule: not XML, DOCTYPE, too deep or too large a text, not a CDA.
    """
    if not looks_like_xml(content):
        raise _refusal("structure", "The content is not an XML document.", "ce n'est pas du XML")
    if b"<!DOCTYPE" in content.replace(b"\x00", b""):
        raise _doctype()
    root = _root(content)
    if root.tag == SELF_PRESENTING:
        held = root.find(f"{SELF_PRESENTED}/{CLINICAL_DOCUMENT}")
        root = root if held is None else held
    if root.tag != CLINICAL_DOCUMENT:
        found = etree.QName(root).localname
        text = f"The document is a {found}, not an HL7 ClinicalDocument."
        raise _refusal("structure", text, f"l'élément {found} n'est pas un ClinicalDocument HL7")
    return root


def plain(element: etree._Element | None) -> str:
    """The text of an element and all below it, on one line; "" when there is none."""
    return "" if element is None else " ".join("".join(map(str, element.itertext())).split())


def _root(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        text = f"The XML cannot be read: {error.msg}"
        raise _refusal("structure", text, f"le XML ne peut pas être lu au-delà de la ligne {error.lineno}") from error
    except ValueError as error:
        raise _refusal("structure", f"The XML cannot be read: {error}", "le XML ne peut pas être lu") from error
    information = root.getroottree().docinfo
    if information is not None and information.internalDTD is not None:
        raise _doctype()
    return root


def _doctype() -> Invalid:
    text = "A document type declaration (DOCTYPE) is refused: entities are not read."
    return _refusal("security", text, "une déclaration DOCTYPE n'est pas acceptée : les entités ne sont pas lues")


def _refusal(code: str, text: str, french: str) -> Invalid:
    return Invalid(text, issues=[Issue(code=code, diagnostics=text, expression="ClinicalDocument")], french=french)
