"""Run the controllers: `python -m porter.lab.controllers --kubeconfig FILE`."""

import argparse
import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from porter.lab.controllers.acting import Controllers
from porter.lab.following import Api, connect
from porter.lab.until import until_told


async def run(kubeconfig: Path, grace: timedelta) -> None:
    """Run all controllers until cancelled."""
    async with Api(await connect(kubeconfig)) as api:
        await Controllers(api, grace=grace).run()


def main(words: list[str] | None = None) -> None:
    """Parse the arguments and run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="porter.lab.controllers", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--grace", type=float, default=4.0, help="seconds of silence until a node is not ready")
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(until_told(run(arguments.kubeconfig, timedelta(seconds=arguments.grace))))


if __name__ == "__main__":
    main()
