"""The bench by hand: `python -m tests.faults --nightly [--seed N] [--only G1,G5] [--share 0.1]`.

Prints each part's seed and figure as it comes, then a table. Ends with 1 if anything is red. A seed that was red becomes a
test of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import time
from collections.abc import Mapping
from typing import Any, cast

from tests.conftest import ROOM
from tests.faults.cluster import cluster
from tests.faults.field import field
from tests.faults.nursery import Nursery
from tests.faults.parts import PARTS
from tests.faults.parts.timers import Missing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="The fault bench.")
    parser.add_argument("--nightly", action="store_true", help="the large sizes; else those of every change")
    parser.add_argument("--seed", type=int, help="of every part; else one is drawn and printed")
    parser.add_argument("--only", default="", help="guarantees, with commas: G1,G5")
    parser.add_argument("--share", type=float, default=1.0, help="of the size: 0.1 is a tenth")
    given = parser.parse_args()
    for name in list(os.environ):
        if name.startswith(("BATON_", "PG")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    only = {name.strip() for name in given.only.split(",") if name.strip()}
    names = [name for name in PARTS if not only or only & {name, name.split()[0]}]
    if not names:
        parser.error(f"there are: {', '.join(PARTS)}")
    seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    sys.exit(asyncio.run(bench(names, seed, nightly=given.nightly, share=given.share)))


async def bench(names: list[str], seed: int, *, nightly: bool, share: float) -> int:
    """Run these parts one after the other. 1 if any is red."""
    figures: dict[str, str] = {}
    red = False
    async with cluster(ROOM) as postgres:
        for name in names:
            part, began = PARTS[name], time.monotonic()
            size = scaled(part.nightly if nightly else part.change, share)
            told = " ".join(f"{key}={value}" for key, value in size.items())
            print(f"{name}  seed {seed}  {told}", flush=True)
            try:
                with Nursery() as nursery:
                    async with field(nursery, postgres, seed=seed) as found:
                        figures[name] = await part.run(found, **size)
            except Missing as missing:
                figures[name] = f"not run: {missing}"
            except Exception as error:
                red = True
                figures[name] = f"RED, seed {seed}: {whole(error)}"
            print(f"    {figures[name]}  ({time.monotonic() - began:.0f} s)", flush=True)
    print()
    for name, figure in figures.items():
        print(f"| {name} | {figure} |")
    return int(red)


def scaled(size: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Whole numbers get smaller, never less than 2."""
    return {
        key: max(2, round(value * share)) if isinstance(value, int) and share != 1 else value
        for key, value in size.items()
    }


def whole(error: BaseException) -> str:
    """Groups opened."""
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        return "; ".join(whole(inner) for inner in group.exceptions)
    return f"{type(error).__name__} {error}"[:600]


if __name__ == "__main__":
    main()
