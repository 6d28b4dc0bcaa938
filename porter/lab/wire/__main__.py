"""`python -m porter.lab.wire --pair node1.eth0 wire0.0 --delay 0.2 --ready FILE`: carry frames, badly, until killed."""

import argparse
import random
import sys
from ipaddress import ip_address
from pathlib import Path

from porter.lab.wire.relay import Relay
from porter.lab.wire.rules import Rule, cut_from_hosts, cut_from_server, loses


def main() -> int:
    """Carry frames; 1 with one sentence when a link is not there."""
    parser = argparse.ArgumentParser(prog="python -m porter.lab.wire", description=__doc__)
    parser.add_argument("--pair", nargs=2, action="append", required=True, metavar=("HOST", "SWITCH"), help="two links")
    parser.add_argument("--ready", type=Path, required=True, help="a file that is made when frames pass")
    parser.add_argument("--loss", type=float, default=0.0, help="share of the frames that are lost, 0 to 1")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds, one way")
    parser.add_argument("--server", nargs=2, metavar=("ADDRESS", "PORT"), help="a TCP server that is out of reach")
    parser.add_argument("--peer", action="append", default=[], metavar="MAC", help="a host that is out of reach")
    parser.add_argument("--other", action="append", default=[], metavar="MAC", help="a host that hears broadcasts")
    options = parser.parse_args()
    rules: list[Rule] = []
    if options.loss:
        rules.append(loses(options.loss, random.Random()))
    if options.server:
        rules.append(cut_from_server(ip_address(options.server[0]), int(options.server[1])))
    if options.peer:
        rules.append(cut_from_hosts([_mac(text) for text in options.peer], [_mac(text) for text in options.other]))
    try:
        relay = Relay([(inner, outer) for inner, outer in options.pair], rules, delay=options.delay)
    except OSError as failed:
        print(f"cannot open the wire's links: {failed}", file=sys.stderr)  # noqa: T201 - this is the command
        return 1
    options.ready.touch()
    relay.run()
    return 0


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


if __name__ == "__main__":
    sys.exit(main())
