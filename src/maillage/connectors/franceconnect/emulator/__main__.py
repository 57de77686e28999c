"""`python -m maillage.connectors.franceconnect.emulator --port 0 --personas FILE`: prints {"issuer": …, "web": …} when it answers.

FILE is a JSON array of `psc.emulator.realm.Persona`; the client is given as `--client ID:SECRET`, `--redirect-uri` may be repeated.
"""

import argparse
import asyncio
from pathlib import Path

from maillage.clock import SystemClock
from maillage.connectors.franceconnect.emulator import FRANCE_CONNECT
from maillage.connectors.listening import free_port, served, until_told_to_stop
from maillage.connectors.psc.emulator.app import create_emulator
from maillage.connectors.psc.emulator.realm import Client, personas_from, realm_of


async def run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    port = arguments.port or free_port(arguments.host)
    issuer = f"http://{arguments.host}:{port}{FRANCE_CONNECT.realm}"
    name, _, secret = arguments.client.partition(":")
    client = Client(id=name, secret=secret, card=False, redirect_uris=frozenset(arguments.redirect_uri), signed_userinfo=True)
    realm = realm_of(issuer, [client], personas_from(arguments.personas.read_bytes()), SystemClock())
    async with served(create_emulator(realm, FRANCE_CONNECT), host=arguments.host, port=port) as web:
        await until_told_to_stop({"issuer": issuer, "web": web})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="maillage.connectors.franceconnect.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--personas", type=Path, required=True)
    parser.add_argument("--client", default="maillage:")
    parser.add_argument("--redirect-uri", action="append", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
