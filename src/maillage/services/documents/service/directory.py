"""Who the region's directory knows among those a document names."""

from maillage.access.context import Context
from maillage.fhir.national import FINESS, RPPS
from maillage.services.documents.resources.header import IDNPS, IDNST, Header, InstanceId

RPPS_PREFIX = "8"
FINESS_PREFIX = "1"


async def known(ctx: Context, header: Header) -> dict[str, str]:
    """XDS text of an identifier → "Practitioner/…" or "Organization/…": the authors, the signatory and the custodian.

    One search for the people, one for the structures. The directory holds an RPPS or FINESS number bare or with its national prefix.
    """
    agents = [*header.authors, *([header.legal_authenticator] if header.legal_authenticator else [])]
    people = {agent.id for agent in agents if agent.id and agent.id.root == IDNPS and agent.id.extension}
    places = {header.custodian.id} if header.custodian.id and header.custodian.id.root == IDNST else set()
    return {
        **await _found(ctx, "Practitioner", people, RPPS, RPPS_PREFIX),
        **await _found(ctx, "Organization", places, FINESS, FINESS_PREFIX),
    }


async def _found(ctx: Context, kind: str, wanted: set[InstanceId], system: str, prefix: str) -> dict[str, str]:
    if not wanted:
        return {}
    tokens = {token: one.text for one in wanted for token in _tokens(one, system, prefix)}
    found = await ctx.records.find(kind, {"identifier": ",".join(sorted(tokens))})
    return {
        tokens[token]: f"{kind}/{resource['id']}"
        for resource in found
        for identifier in resource.get("identifier", [])
        if (token := f"{identifier.get('system')}|{identifier.get('value')}") in tokens
    }


def _tokens(one: InstanceId, system: str, prefix: str) -> list[str]:
    national = f"{one.system}|{one.extension}"
    return [national, f"{system}|{one.extension[1:]}"] if one.extension.startswith(prefix) else [national]
