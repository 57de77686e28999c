"""A small questionnaire with all that a scale has: answers that weigh, a condition, a score that goes into the record, its meaning."""

from typing import Any

URL = "https://maillage.example/Questionnaire/marche"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire"
HL7 = "http://hl7.org/fhir/StructureDefinition"


def expression(text: str, url: str = f"{SDC}-calculatedExpression") -> dict[str, Any]:
    return {"url": url, "valueExpression": {"language": "text/fhirpath", "expression": text}}


def option(code: str, words: str, weight: int) -> dict[str, Any]:
    coding = {
        "system": "urn:test",
        "code": code,
        "display": words,
        "extension": [{"url": f"{HL7}/ordinalValue", "valueDecimal": weight}],
    }
    return {"valueCoding": coding}


CHOICE = [option("seul", "Marche seul", 0), option("aide", "Marche avec une aide", 1), option("non", "Ne marche pas", 2)]
FORM: dict[str, Any] = {
    "resourceType": "Questionnaire", "id": "marche", "url": URL, "version": "1", "name": "Marche", "title": "Marche et chutes", "status": "active", "subjectType": ["Patient"],
    "item": [{"linkId": "marche", "type": "group", "text": "Marche", "item": [
        {"linkId": "marche.1", "type": "choice", "text": "Marche", "required": True, "answerOption": CHOICE},
        {"linkId": "marche.2", "type": "integer", "text": "Chutes depuis six mois", "required": True, "extension": [{"url": f"{HL7}/minValue", "valueInteger": 0}, {"url": f"{HL7}/maxValue", "valueInteger": 50}]},
        {"linkId": "marche.3", "type": "text", "text": "Circonstances des chutes", "enableWhen": [{"question": "marche.2", "operator": ">", "answerInteger": 0}]},
        {"linkId": "marche.ne", "type": "date", "text": "Né le", "readOnly": True, "extension": [expression("%patient.birthDate", f"{SDC}-initialExpression")]},
        {"linkId": "marche.score", "type": "integer", "text": "Score", "readOnly": True, "code": [{"system": "urn:maillage:score", "code": "marche"}], "extension": [
            expression("iif(%resource.repeat(item).where(linkId='marche.1').answer.exists() and %resource.repeat(item).where(linkId='marche.2').answer.exists(), "
                       "%resource.repeat(item).where(linkId='marche.1').answer.value.ordinal() + %resource.repeat(item).where(linkId='marche.2').answer.value)"),
            {"url": f"{SDC}-observationExtract", "valueBoolean": True}]},
        {"linkId": "marche.sens", "type": "string", "text": "Sens", "readOnly": True, "extension": [
            expression("iif(%resource.repeat(item).where(linkId='marche.score').answer.value >= 2, 'Risque de chute', iif(%resource.repeat(item).where(linkId='marche.score').answer.value >= 0, 'Peu de risque'))")]},
    ]}],
}  # fmt: skip


def choice(code: str) -> dict[str, Any]:
    """One of the answers to the first question, as a response says it."""
    coding: dict[str, Any] = next(one["valueCoding"] for one in CHOICE if one["valueCoding"]["code"] == code)
    return coding
