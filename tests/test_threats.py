"""docs/reference/threats.md names tests that exist, one row for each threat."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "threats.md"
WITHOUT_A_TEST = {"T27", "T33"}
"""There is no such node."""


def test_every_threat_has_its_row_and_every_row_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (T\d+) \|(.*)\|$", PAGE.read_text(), re.M)
    assert [number for number, _ in rows] == [f"T{n}" for n in range(1, 35)]
    for number, row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert bool(named) != (number in WITHOUT_A_TEST), number
        for file, name in named:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.M), (
                number,
                file,
                name,
            )


def test_the_screens_write_text_and_no_html() -> None:
    """What people and platforms sent goes into the page as text (T26): nothing of ours parses HTML or runs a string."""
    words = re.compile(
        r"dangerouslySetInnerHTML|[iI]nnerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(|srcdoc"
    )
    written = [file for file in (ROOT / "ui" / "src").rglob("*.ts*") if ".test." not in file.name]
    files = [*written, ROOT / "ui" / "index.html"]
    assert len(files) > 50
    assert [file.name for file in files if words.search(file.read_text())] == []
