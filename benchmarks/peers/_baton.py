"""The five-node run on Baton's own engine, in a process of its own like its peers.

python -m benchmarks.peers._baton DATABASE_URL ECHO_URL RUNS WAITS
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from benchmarks.engine import measure

if __name__ == "__main__":
    asked = sys.argv
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(asked[1], asked[2], int(asked[3]), int(asked[4])))))
