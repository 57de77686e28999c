"""`python -m maillage.connectors.psc.emulator --port 0 --personas FILE`: prints {"issuer": …, "web": …} when it answers.

FILE is a JSON array of `realm.Persona`: {"id", "name", "title", "card": bool, "claims": {userinfo}}. Clients are given as
`--client ID:SECRET` (professional card) and `--cardless-client ID:SECRET`; `--redirect-uri` may be repeated, and without it
any loopback address is accepted.
"""

import argparse
import asyncio
from pathlib import Path

from maillage.clock import SystemClock
from maillage.connectors.listening import free_port, served, until_told_to_stop
from maillage.connectors.psc.emulator.app import REALM_PATH, create_emulator
from maillage.connectors.psc.emulator.realm import Client, personas_from, realm_of


async def run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    port = arguments.port or free_port(arguments.host)
    issuer = f"http://{arguments.host}:{port}{REALM_PATH}"
    addresses = frozenset(arguments.redirect_uri)
    clients = [_client(arguments.client, True, addresses), _client(arguments.cardless_client, False, addresses)]
    realm = realm_of(issuer, clients, personas_from(arguments.personas.read_bytes()), SystemClock())
    async with served(create_emulator(realm), host=arguments.host, port=port) as web:
        await until_told_to_stop({"issuer": issuer, "web": web})


def _client(text: str, card: bool, addresses: frozenset[str]) -> Client:
    name, _, secret = text.partition(":")
    return Client(id=name, secret=secret, card=card, redirect_uris=addresses)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="maillage.connectors.psc.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--personas", type=Path, required=True)
    parser.add_argument("--client", default="maillage:")
    parser.add_argument("--cardless-client", default="maillage-sans-carte:")
    parser.add_argument("--redirect-uri", action="append", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
