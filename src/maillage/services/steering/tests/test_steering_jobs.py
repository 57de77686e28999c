"""The reaction that counts: once a document, whatever is told again."""

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.documents.events import DocumentReceived
from maillage.services.steering import jobs, service
from maillage.services.steering.service import Indicators
from tests.support.people import SEED, officer_of


def received(number: int, *, certain: bool = True, replaces: str | None = None) -> DocumentReceived:
    return DocumentReceived(
        document=f"d{number}",
        patient="p",
        certain=certain,
        type="11490-0",
        door="mllp",
        organization="Organization/ch",
        ins=True,
        replaces=replaces,
    )


async def told(access: Access, *events: DocumentReceived) -> Indicators:
    async with access.act(SEED) as ctx:
        for event in events:
            await jobs.count_the_document(ctx, event)
    async with access.act(officer_of(Role.ARS), read_only=True) as ctx:
        return await service.indicators(ctx)


async def test_a_document_told_twice_counts_once(access: Access) -> None:
    shown = await told(access, *(received(n) for n in range(20)), received(3), received(4))
    assert (shown.total, shown.qualified) == (20, 20)


async def test_a_document_is_qualified_once_a_steward_knows_whose_it_is(access: Access) -> None:
    shown = await told(access, *(received(n) for n in range(19)), received(19, certain=False))
    assert (shown.total, shown.qualified) == (20, 19)
    assert (await told(access, received(19))).qualified == 20


async def test_a_replacement_is_counted_apart(access: Access) -> None:
    shown = await told(access, *(received(n) for n in range(15)), *(received(n, replaces="d1") for n in range(15, 30)))
    assert (shown.total, shown.replacements) == (15, 15)
    assert [(row.key, row.documents) for row in shown.organizations] == [("ch", 15)]
