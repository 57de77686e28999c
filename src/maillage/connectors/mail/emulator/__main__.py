"""`python -m maillage.connectors.mail.emulator`: prints {"smtp": "host:port", "web": …} when both answer."""

import argparse
import asyncio

from maillage.clock import SystemClock
from maillage.connectors.listening import free_port, served, until_told_to_stop
from maillage.connectors.mail.emulator.app import create_viewer
from maillage.connectors.mail.emulator.mailbox import Mailbox, smtp_door


async def run(arguments: argparse.Namespace) -> None:
    """Take and show letters until told to stop."""
    mailbox = Mailbox(SystemClock())
    port = arguments.web_port or free_port(arguments.host)
    async with (
        smtp_door(mailbox, host=arguments.host, port=arguments.port) as smtp,
        served(create_viewer(mailbox), host=arguments.host, port=port) as web,
    ):
        await until_told_to_stop({"smtp": smtp, "web": web})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="maillage.connectors.mail.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="SMTP; 0 chooses")
    parser.add_argument("--web-port", type=int, default=0, help="the page; 0 chooses")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
