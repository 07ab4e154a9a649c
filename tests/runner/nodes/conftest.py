"""A node under test: the runner's fixtures, and a hand to drive runs with."""

from __future__ import annotations

import pytest

from runner.engine import Engine
from runner.model import Scope
from runner.store import Store
from tests.runner.nodes.drive import Drive


@pytest.fixture
def drive(store: Store, scope: Scope, engine: Engine) -> Drive:
    return Drive(store, scope, engine)
