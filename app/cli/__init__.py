"""`baton`: the command line. One file per group of commands; each adds its own and says what it does in one sentence.

Exit codes: 0 done (of `run`: COMPLETED), 1 it ended badly (of `run`: FAILED or CANCELLED, of `check`: something is wrong),
2 it could not be tried: usage, settings, keys, database. 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from app import log
from app.cli import (
    audit,
    backup,
    checks,
    dead_letters,
    files,
    keys,
    people,
    publish,
    retention,
    runs,
    serve,
    tokens,
)
from app.settings import Settings, StartRefused
from providers import ProviderError
from runner.errors import RunnerError

USAGE_ERROR = 2
LOUD = ("httpx", "httpcore")
"""Loggers that name every address called, and an address may be a secret: never below WARNING."""
LONG_RUNNING = ("serve", "worker")
GROUPS = (serve, tokens, people, runs, files, publish, checks, keys, backup, dead_letters, retention, audit)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="baton",
        description="One durable chain over n8n, Make, Zapier and Airflow. Settings come from BATON_* variables.",
    )
    made.add_argument("-v", "--verbose", action="store_true", help="log every request and step to stderr")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add(commands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Whatever goes wrong is a sentence on stderr, never a traceback, and never holds a secret."""
    arguments = parser().parse_args(argv)
    try:
        settings = Settings.from_env(os.environ)
        log.set_up(logging.INFO if arguments.verbose else logging.WARNING, _form(settings, arguments.command))
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.WARNING)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(arguments.run(settings, arguments))
    except StartRefused as error:
        return _refused(str(error))
    except (RunnerError, ProviderError) as error:
        return _refused(f"{error.message.rstrip('.')}.", error.hint)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refused(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    except KeyboardInterrupt:
        return 130


def _form(settings: Settings, command: str) -> log.Format:
    """What runs for long and is no one's terminal is read by machines."""
    if settings.log_format is not None:
        return settings.log_format
    return "json" if command in LONG_RUNNING and not sys.stderr.isatty() else "text"


def _refused(sentence: str, hint: str | None = None) -> int:
    print(f"baton: {sentence}" + (f" {hint}" if hint else ""), file=sys.stderr)
    return USAGE_ERROR
