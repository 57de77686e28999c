"""`maillage migrate` and `maillage check`: is this installation whole, and if not, what is to be mended?"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import httpx

from maillage.access import anchor, chain
from maillage.access.platform import Platform
from maillage.app import database_of, platform_of
from maillage.config import Config
from maillage.connectors.clamd import clamd_of
from maillage.db import load_queries, migrate, pending
from maillage.errors import MaillageError, SetupError
from maillage.fhir import reindexing
from maillage.files import keys_of, open_files
from maillage.http.app import relying_parties
from maillage.operator.granting import grant_runtime, held_beyond
from maillage.operator.unencrypted import unencrypted
from maillage.services.accounts.public import breached_from

OLDEST = 160000  # server_version_num of PostgreSQL 16
COUNTED = 10_000
"""Resources to reindex that are counted at most: a check must not read the whole store."""
QUERIES = load_queries("maillage.operator", "checks.sql")

Check = Callable[[Platform], Awaitable[str]]


def migrate_database(config: Config, role: str = "") -> int:
    """Brings the schema to this version and says what was applied. With `role`, that one gets what the processes need and no more."""
    with database_of(config) as dsn:
        applied = migrate(dsn)
        asyncio.run(reindexing.note_rules(dsn))
        if role:
            asyncio.run(grant_runtime(dsn, role))
    for migration in applied:
        print(f"appliquée : {migration.label}")
    print(f"{len(applied)} migration(s) ; le schéma est à jour" + (f" ; {role} a ses droits" if role else ""))
    return 0


def check(config: Config) -> int:
    """Prints one line for each part; status 1 when one is not well."""
    with database_of(config) as dsn:
        return asyncio.run(_check(replace(config, database_url=dsn, database_pool=2, database_replica_patience=5.0)))


async def _check(config: Config) -> int:
    faults = 0
    async with platform_of(config) as platform:
        for name, part in CHECKS:
            try:
                print(f"bien   {name} : {await part(platform)}")
            except (MaillageError, OSError, httpx.HTTPError) as fault:
                faults += 1
                print(f"FAUTE  {name} : {fault}")
    return 1 if faults else 0


async def _version(platform: Platform) -> str:
    async with platform.database.transaction() as connection:
        number = int(await QUERIES.server_version(connection))
    if number < OLDEST:
        raise SetupError(f"PostgreSQL {number // 10000} is too old: 16 or newer is needed")
    return f"PostgreSQL {number // 10000}.{number % 10000}"


async def _schema(platform: Platform) -> str:
    waiting = await asyncio.to_thread(pending, platform.config.database_url)
    if waiting:
        raise SetupError(f"{len(waiting)} migrations are to be applied: run maillage migrate")
    return "à jour"


async def _role(platform: Platform) -> str:
    if beyond := await held_beyond(platform):
        return f"peut plus que lire et écrire des lignes ({', '.join(beyond)}) : voir « A role for the processes » (operate.md)"
    return "lit et écrit des lignes ; ne fait qu’ajouter aux traces"


async def _replica(platform: Platform) -> str:
    if not platform.config.database_replica_url:
        return "aucune"
    async with platform.database.reading() as connection:
        await QUERIES.server_version(connection)
    if not platform.database.statistics()["replica_reads"]:
        raise SetupError("the replica is away, late, or no replica of this database: reads go to the database")
    return "lue, à jour"


async def _search(platform: Platform) -> str:
    async with platform.database.transaction() as connection:
        indexed = await reindexing.state(connection)
        if indexed.current:
            return "index à jour"
        left = await reindexing.left(connection, most=COUNTED)
    if indexed.failed and indexed.done is None:
        raise SetupError(f"à réindexer : {indexed.failed} resources could not be indexed: maillage reindex names them in its log")
    many = f"{left} resources" if left < COUNTED else f"{COUNTED} resources or more"
    raise SetupError(f"à réindexer : {many} may be indexed by older rules: run maillage reindex")


async def _documents(platform: Platform) -> str:
    await platform.files.probe()
    return "écriture et lecture possibles"


async def _seals(platform: Platform) -> str:
    config = platform.config
    keys = keys_of(config.files_keys, config.files_keys_file)
    used = await open_files(config.files_url, folder=config.data / "files", keys=keys).used_keys()
    if not keys.current:
        return "documents en clair (MAILLAGE_FILES_KEYS n’est pas réglé)"
    others = [id for id in used if id != keys.current]
    return f"clé {keys.current}" + (f" ; encore en usage : {', '.join(others)}" if others else "")


async def _trail(platform: Platform) -> str:
    found = await chain.verify(platform.database, kept=await anchor.kept(anchor.folder_of(platform.config)))
    if not found.holds:
        raise SetupError(f"the chain of audit rows is broken at {found.broken} places, first: {found.faults[0]}")
    return f"chaîne des traces intacte ({found.entries} lignes)"


async def _scanner(platform: Platform) -> str:
    config = platform.config
    if not config.upload_scanner:
        return "aucun : les fichiers reçus ne sont pas examinés (MAILLAGE_UPLOAD_SCANNER n’est pas réglé)"
    said = await clamd_of(config.upload_scanner, patience=config.upload_scanner_patience).version()
    if not said or "UNKNOWN COMMAND" in said:
        raise SetupError("MAILLAGE_UPLOAD_SCANNER answers, but not as clamd does")
    return said


async def _connections(platform: Platform) -> str:
    if plain := unencrypted(platform.config):
        raise SetupError("readable by whoever is on the way: " + "; ".join(plain))
    return "chiffrées, ou de cette machine"


async def _passwords(platform: Platform) -> str:
    size = await asyncio.to_thread(breached_from(platform.config).probe)
    return (
        "la liste livrée (MAILLAGE_BREACHED_PASSWORDS n’est pas réglé)"
        if size is None
        else f"fichier de {size:,} octets".replace(",", " ")
    )


async def _mail(platform: Platform) -> str:
    host, _, port = platform.config.smtp.rpartition(":")
    await asyncio.to_thread(_reach, host, int(port))
    return platform.config.smtp


def _reach(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=5).close()


async def _identity_provider(platform: Platform) -> str:
    issuer = platform.config.psc_issuer
    if not issuer:
        raise SetupError("MAILLAGE_PSC_ISSUER is empty: nobody can sign in")
    relying_parties(platform.config, platform.clock)  # refuses those without TLS
    async with httpx.AsyncClient(timeout=5) as client:
        address = platform.config.psc_discovery or f"{issuer}/.well-known/openid-configuration"
        (await client.get(address)).raise_for_status()
    return issuer


CHECKS: Sequence[tuple[str, Check]] = (
    ("base de données", _version),
    ("schéma", _schema),
    ("rôle", _role),
    ("réplique", _replica),
    ("recherche", _search),
    ("documents", _documents),
    ("chiffrement", _seals),
    ("traces", _trail),
    ("antivirus", _scanner),
    ("connexions", _connections),
    ("mots de passe volés", _passwords),
    ("courriel", _mail),
    ("identification", _identity_provider),
)
