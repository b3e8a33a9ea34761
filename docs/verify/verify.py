#!/usr/bin/env python3
"""Checks an exported Mirano log, or a proof, from docs/FORMATS.md alone; it shares no code with Mirano.

Beside it lie `formats.py` (hashes, trees, canonical form, commits), `log.py` (the chain of every partition, the id of every fact that is
not sealed, every observation, every snapshot, the heads) and `proof.py`. Exit codes: 0 all holds, 1 something does not, 2 used wrongly.
"""

import json
import struct
import sys

from formats import Wrong
from log import check_log
from proof import check_proof


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("log", "proof"):
        print("usage: verify.py log FILE [HEAD…] | verify.py proof FILE [HEAD…]", file=sys.stderr)
        return 2
    check = check_log if arguments[0] == "log" else check_proof
    kept = [text for text in arguments[2:] if text != "--head"]
    try:
        check(arguments[1], kept)
    except (Wrong, KeyError, ValueError, IndexError, struct.error) as error:
        print(json.dumps({"ok": False, "why": str(error)}))
        return 1
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
