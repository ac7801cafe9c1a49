"""Measures the rows of one module against one peer in this process; `run.py` starts it and reads its lines of JSON."""

import argparse
import importlib
import json
import os
import sys

from _interleave import limit_threads
from _rows import Setting, prepare_peer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--peer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--errors", action="store_true")
    arguments = parser.parse_args()
    limit_threads(arguments.threads)
    prepare_peer(arguments.peer, arguments.threads)
    # What libraries print does not mix with the results.
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    module = importlib.import_module(arguments.module)
    for row in module.rows(Setting(arguments.peer, arguments.threads, arguments.quick)):
        result = row.compared(Setting(arguments.peer, arguments.threads, arguments.quick))
        errors = row.errors() if row.errors is not None and arguments.errors else (None, None)
        found = {
            "module": arguments.module,
            "name": row.name,
            "part": row.part,
            "peer": arguments.peer,
            "threads": arguments.threads,
            "unit": row.unit,
            "ratio": result.ratio,
            "low": result.low,
            "high": result.high,
            "best": result.best,
            "ours": result.ours,
            "theirs": result.peer,
            "our_error": errors[0],
            "their_error": errors[1],
            "wanted": row.wanted,
            "limit": row.limit,
        }
        print(json.dumps(found), file=results, flush=True)


if __name__ == "__main__":
    sys.exit(main())
