"""`maillage demo`: a whole territory on one machine, started, watched and stopped as one."""

import asyncio
import base64
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maillage.app import database_of, load_services, platform_of
from maillage.config import Config
from maillage.connectors.listening import free_port
from maillage.db import migrate
from maillage.demo.claims import citizens, professionals_and_staff
from maillage.demo.personas import PERSONAS
from maillage.demo.territory import ensure_personas, is_seeded, seed
from maillage.errors import SetupError
from maillage.fhir.reindexing import note_rules
from maillage.operator.children import Child, Family, wait_for_port

HERE = "127.0.0.1"
NAME = "localhost"  # what browsers call this machine: they make passkeys for names only, and trust this one without https


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. `port` 0 is any free one; `scale` 1 is 2,000 people."""

    port: int = 8000
    scale: float = 1.0
    seed: bool = True
    json: bool = False


def run_demo(config: Config, data: Path | None, wanted: Wanted) -> int:
    """Runs until Ctrl-C or SIGTERM, then stops everything it started."""
    config = replace(config, data=(data or config.data).resolve(), demo=True)
    config.data.mkdir(parents=True, exist_ok=True)
    with _only_one(config.data), database_of(config) as dsn:
        return asyncio.run(_run(replace(config, database_url=dsn), wanted))


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    with (data / "demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise SetupError(f"a demonstration runs on {data} already: stop it, or name another folder with --data") from fault
        yield


async def _run(config: Config, wanted: Wanted) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    running = asyncio.create_task(_running(config, wanted))
    await asyncio.wait({running, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        _say("arrêt…")
        running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return 0


async def _running(config: Config, wanted: Wanted) -> None:
    """Until it is cancelled, and that once: a second blow would leave children behind while the database stops."""
    _say(f"base de données et documents : {config.data}")
    migrate(config.database_url)
    await note_rules(config.database_url)
    async with _family() as family:
        (config, told), tokens = await asyncio.gather(_emulators(config, wanted, family), _people(config, wanted))
        await _processes(config, family)
        _announce(config, wanted, told, tokens)
        await asyncio.Event().wait()


@asynccontextmanager
async def _family() -> AsyncIterator[Family]:
    family = Family()
    try:
        yield family
    finally:
        await family.stop()


async def _emulators(config: Config, wanted: Wanted, family: Family) -> tuple[Config, dict[str, Any]]:
    """Starts the emulated national services; answers the settings that name them and what each said."""
    port = wanted.port or free_port(HERE)
    config = replace(
        config,
        web=f"{HERE}:{port}",
        base_url=f"http://{NAME}:{port}",
        mllp=f"{HERE}:{free_port(HERE) if wanted.port == 0 else _preferred(2575)}",
        psc_client_secret=secrets.token_urlsafe(16),
        cardless_client_secret=secrets.token_urlsafe(16),
        citizen_client_secret=secrets.token_urlsafe(16),
        account_keys_file=str(_account_keys(config.data)),
        openid_key_file=str(_key_file(config.data / "openid.key", "P-384")),
        push_key_file=str(_key_file(config.data / "push.key", "P-256")),
        software_sandbox=True,
    )
    cards, public, post = await asyncio.gather(
        family.add(_identity_provider(config, "Pro Santé Connect", "psc", professionals_and_staff(),
            "--client", f"{config.psc_client_id}:{config.psc_client_secret}",
            "--cardless-client", f"{config.cardless_client_id}:{config.cardless_client_secret}")),
        family.add(_identity_provider(config, "FranceConnect", "franceconnect", citizens(),
            "--client", f"{config.citizen_client_id}:{config.citizen_client_secret}")),
        family.add(_module("messagerie (émulateur)", "maillage.connectors.mail.emulator", config, "--port", str(free_port(HERE)))),
    )  # fmt: skip
    config = replace(
        config,
        psc_issuer=cards.said["issuer"],
        citizen_issuer=public.said["issuer"],
        smtp=post.said["smtp"],
        mail_viewer=post.said["web"],
    )
    return config, {
        "smtp": post.said["smtp"],
        "mail": post.said["web"],
        "psc": cards.said["web"],
        "franceconnect": public.said["web"],
    }


def _identity_provider(config: Config, name: str, connector: str, personas: list[dict[str, Any]], *clients: str) -> Child:
    """The emulator of a connector, with those whom it knows in a file of its own."""
    known = config.data / f"{connector}.json"
    known.write_text(json.dumps(personas, ensure_ascii=False))
    return _module(
        f"{name} (émulateur)", f"maillage.connectors.{connector}.emulator", config, "--personas", str(known), *clients,
        "--redirect-uri", f"{config.base_url}/connexion/retour", "--port", str(free_port(HERE)),
    )  # fmt: skip


async def _people(config: Config, wanted: Wanted) -> dict[str, str]:
    """Seeds a new installation, and gives every persona a bearer token."""
    load_services()
    async with platform_of(replace(config, database_pool=2)) as platform:
        if wanted.seed and not await is_seeded(platform.database):
            _say("création du territoire de démonstration (une fois)…")
            summary = await seed(platform, scale=wanted.scale)
            _say(summary)
        return await ensure_personas(platform)


async def _processes(config: Config, family: Family) -> None:
    for name, verb in (("web", "serve"), ("worker", "worker"), ("MLLP", "mllp")):
        await family.add(Child(name, [sys.executable, "-m", "maillage.cli", verb], _environment(config)))
    await asyncio.gather(wait_for_port(config.web, name="web"), wait_for_port(config.mllp, name="MLLP"))


def _account_keys(data: Path) -> Path:
    """The file of the key that seals second factors, made once: those set in an earlier run still open."""
    path = data / "account.keys"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return path


def _key_file(path: Path, curve: str) -> Path:
    """The file of a key of ours, made once: that which says to applications who somebody is, that which push services know us by."""
    from joserfc.jwk import ECKey

    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(ECKey.generate_key(curve).as_pem(private=True))
    return path


def _module(name: str, module: str, config: Config, *arguments: str) -> Child:
    return Child(name, [sys.executable, "-m", module, *arguments], _environment(config), ready_line=True)


def _environment(config: Config) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MAILLAGE_")}
    return kept | config.environment()


def _preferred(port: int) -> int:
    """The usual port where it is free, else any."""
    with socket.socket() as probe:
        try:
            probe.bind((HERE, port))
        except OSError:
            return free_port(HERE)
    return port


def _announce(config: Config, wanted: Wanted, told: dict[str, Any], tokens: dict[str, str]) -> None:
    personas = [{"id": p.id, "role": p.role, "name": p.name, "token": tokens[p.id]} for p in PERSONAS]
    if wanted.json:
        line = {"web": config.base_url, "fhir": f"{config.base_url}/fhir", "mllp": config.mllp, **told, "personas": personas}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    _say(f"prêt : {config.base_url}  (Ctrl-C pour arrêter)")
    for persona in PERSONAS:
        if persona.role != "system":
            _say(f"  {persona.name:32} {persona.title}")
    _say(f"FHIR {config.base_url}/fhir   MLLP {config.mllp}   courriels {told['mail']}")
    _say(f"émulateurs : Pro Santé Connect {told['psc']}   FranceConnect {told['franceconnect']}")


def _say(words: str) -> None:
    print(f"maillage: {words}", file=sys.stderr, flush=True)
