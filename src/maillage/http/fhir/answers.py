"""Answers of the FHIR door. Stored text is spliced into bundles as it stands: nothing is parsed to be written again."""

from collections.abc import Iterable
from email.utils import format_datetime

from msgspec.structs import replace
from starlette.responses import Response

from maillage.errors import Issue
from maillage.fhir import json
from maillage.fhir.bundle import Done
from maillage.fhir.change import Operation, Stored, instant
from maillage.fhir.matching import etag
from maillage.fhir.outcome import outcome
from maillage.fhir.query_strings import links_of
from maillage.fhir.reading import HistoryPage
from maillage.fhir.search import SearchQuery, SeveralQuery, StoredPage
from maillage.http.formats import FHIR_JSON, Pairs


def headers_of(stored: Stored) -> dict[str, str]:
    """ETag and Last-Modified of a version."""
    return {"ETag": etag(stored), "Last-Modified": format_datetime(stored.updated, usegmt=True)}


def fhir(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """FHIR JSON."""
    return Response(body, status_code=status, headers=headers, media_type=FHIR_JSON)


def version(stored: Stored) -> Response:
    """One version as it is stored."""
    return fhir(stored.body or b"", headers=headers_of(stored))


def written(stored: Stored, *, base: str, wants: str) -> Response:
    """The answer to a create or update: Location names the version that was made."""
    status = 201 if stored.operation is Operation.CREATE else 200
    headers = headers_of(stored) | {"Location": f"{base}/{stored.type}/{stored.id}/_history/{stored.version}"}
    if wants == "minimal":
        return Response(status_code=status, headers=headers)
    if wants == "OperationOutcome":
        done = "created" if status == 201 else "updated"
        said = Issue("informational", f"{stored.type}/{stored.id} {done} as version {stored.version}", severity="information")
        return fhir(json.dumps(outcome([said])), status=status, headers=headers)
    return fhir(stored.body or b"", status=status, headers=headers)


def carried_out(done: Done, *, base: str, wants: str) -> Response:
    """The answer to a conditional write or a patch; a resource that was found and left as it is has status 200."""
    if done.stored is None or done.stored.operation is Operation.DELETE:
        return deleted(done.stored, wants=wants)
    operation = Operation.CREATE if done.status.startswith("201") else Operation.UPDATE
    return written(replace(done.stored, operation=operation), base=base, wants=wants)


def deleted(stored: Stored | None, *, wants: str) -> Response:
    """The answer to a deletion; None where there was nothing left to delete."""
    headers = {} if stored is None else {"ETag": etag(stored)}
    if wants != "OperationOutcome":
        return Response(status_code=204, headers=headers)
    done = "there was nothing to delete" if stored is None else f"{stored.type}/{stored.id} deleted as version {stored.version}"
    return fhir(json.dumps(outcome([Issue("informational", done, severity="information")])), headers=headers)


def searchset(
    page: StoredPage, query: SearchQuery | SeveralQuery, address: str, *, base: str, said: Iterable[tuple[str, str]] = ()
) -> Response:
    """A page of matches and of what they include; a lenient search says what it passed over. `said`: the general parameters."""
    return pages(page, address, [*query.applied, *said], base=base, issues=query.issues)


def pages(page: StoredPage, address: str, pairs: Pairs, *, base: str, issues: tuple[Issue, ...] = ()) -> Response:
    """A searchset of what was found at this address with these parameters."""
    entries = [_found(one, base, b"match") for one in page.matches] + [_found(one, base, b"include") for one in page.included]
    told = (*issues, *page.issues)
    if told:
        entries.append(b'{"resource":' + json.dumps(outcome(told)) + b',"search":{"mode":"outcome"}}')
    kept = [pair for pair in pairs if pair[0] != "_cursor"]
    return fhir(_bundle("searchset", page.total, links_of(address, kept, page.next), entries))


def history(page: HistoryPage, address: str, pairs: Pairs, *, base: str) -> Response:
    """A page of versions, newest first."""
    kept = [pair for pair in pairs if pair[0] != "_cursor"]
    return fhir(_bundle("history", page.total, links_of(address, kept, page.next), [_past(one, base) for one in page.versions]))


def _bundle(kind: str, total: int | None, links: list[dict[str, str]], entries: list[bytes]) -> bytes:
    counted = b"" if total is None else b',"total":%d' % total
    head = b'{"resourceType":"Bundle","type":"' + kind.encode() + b'"' + counted + b',"link":' + json.dumps(links)
    return b"".join([head, b',"entry":[', b",".join(entries), b"]}"]) if entries else head + b"}"


def _found(stored: Stored, base: str, mode: bytes) -> bytes:
    url = f"{base}/{stored.type}/{stored.id}".encode()
    return b'{"fullUrl":"' + url + b'","resource":' + (stored.body or b"null") + b',"search":{"mode":"' + mode + b'"}}'


def _past(stored: Stored, base: str) -> bytes:
    place = f"{stored.type}/{stored.id}"
    url = stored.type if stored.operation is Operation.CREATE else place
    told = {
        "request": {"method": stored.operation.method, "url": url},
        "response": {
            "status": stored.operation.status,
            "etag": etag(stored),
            "lastModified": instant(stored.updated),
        },
    }
    resource = b'"resource":' + stored.body + b"," if stored.body is not None else b""
    return b'{"fullUrl":"' + f"{base}/{place}".encode() + b'",' + resource + json.dumps(told)[1:]
