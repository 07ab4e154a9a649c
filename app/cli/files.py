"""`baton export` and `import`: an orchestrator as a file that diffs well, byte for byte the same after a round trip."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError

from app.cli.opening import Commands, opened
from app.parts import open_parts
from app.settings import Settings, StartRefused
from providers import BadJson, JsonObject, read_json
from runner.check import check
from runner.model import Graph
from runner.wire import Orchestrator


@dataclass(frozen=True)
class Drawn:
    name: str
    description: str
    graph: Graph


def add(commands: Commands) -> None:
    export = commands.add_parser("export", help="print an orchestrator as canonical JSON; holds no secret")
    export.add_argument("id", type=UUID, metavar="ID")
    export.set_defaults(run=export_orchestrator)
    load = commands.add_parser("import", help="make an orchestrator from a file; prints its id")
    load.add_argument("file", type=Path, metavar="FILE")
    load.set_defaults(run=import_orchestrator)


async def export_orchestrator(settings: Settings, arguments: argparse.Namespace) -> int:
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        scope = await parts.store.access.scope("cli")
        found = await parts.store.orchestrators.get(scope, arguments.id)
    sys.stdout.buffer.write(canonical(found))
    sys.stdout.buffer.flush()
    return 0


async def import_orchestrator(settings: Settings, arguments: argparse.Namespace) -> int:
    drawn = read_drawing(arguments.file)
    async with opened(settings) as database, open_parts(database.settings, engine=False) as parts:
        scope = await parts.store.access.scope("cli")
        made = await parts.store.orchestrators.create(scope, drawn.name, drawn.description, drawn.graph)
    for problem in check(drawn.graph):
        where = " ".join(part for part in (problem.node_id, problem.field) if part)
        print(f"baton: {problem.severity}: {where or 'drawing'}: {problem.detail}", file=sys.stderr)
    print(made.id, flush=True)
    return 0


def canonical(found: Orchestrator) -> bytes:
    """Sorted keys, two spaces, a newline at the end; nothing that differs between two installations."""
    whole: JsonObject = {
        "baton": 1,
        "name": found.name,
        "description": found.description,
        "definition": found.definition,
    }
    return (json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def read_drawing(file: Path) -> Drawn:
    """An exported file, or a bare definition, which is then named after the file. Raises StartRefused."""
    raw = file.read_bytes()
    try:
        data = read_json(raw)
    except BadJson as error:
        raise StartRefused(f"{file} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise StartRefused(f"{file} holds no orchestrator: it is not a JSON object.")
    given = data.get("definition", data)
    if data.get("baton", 1) != 1:
        raise StartRefused(f"{file} was written by a newer Baton (format {data.get('baton')}).")
    name, description = data.get("name"), data.get("description")
    try:
        graph = Graph.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = "/".join(str(at) for at in fault["loc"]) or "the definition"
        raise StartRefused(f"{file}: {where}: {fault['msg']}.") from None
    if "definition" not in data and "nodes" not in data:
        raise StartRefused(f"{file} holds no orchestrator: it has neither nodes nor a definition.")
    return Drawn(
        name=name if isinstance(name, str) and name else file.stem,
        description=description if isinstance(description, str) else "",
        graph=graph,
    )
