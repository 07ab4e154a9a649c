"""The waits of a run, armed with it: a callback can come at any moment after it is stored (ADR 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from providers import JsonObject
from runner import tokens
from runner.graph import Wiring
from runner.model import NodeFacts, NodeState, Scope
from runner.vault import Sealed, Vault
from runner.webhook_auth import demand

WAIT_KIND = "WaitForCallback"


def seed_of(vault: Vault, scope: Scope, wiring: Wiring, run_id: UUID) -> tuple[bytes | None, Sealed | None]:
    """Of the run's callback tokens, as it is and as it is stored; None for a run that waits for none."""
    if not any(spec.type == WAIT_KIND for spec in wiring.nodes.values()):
        return None, None
    seed = tokens.new_seed()
    return seed, vault.seal(seed, f"run:{scope.workspace_id}:{run_id}")


def armed(
    seed: bytes, wiring: Wiring, settled: Collection[str], facts: Mapping[str, NodeFacts]
) -> list[JsonObject]:
    """Armed before anything of the run happens. Those of `settled` nodes wait for nobody."""
    skipped = {n for n, known in facts.items() if known.state is NodeState.SKIPPED}
    return [
        {
            "node_id": n,
            "sha256": tokens.digest(tokens.callback_token(seed, n)).hex(),
            "schema": spec.data.config.get("schema"),
            "auth": demand(spec.data.config.get("auth")),
            "state": "cancelled" if n in skipped else "armed",
        }
        for n, spec in wiring.nodes.items()
        if spec.type == WAIT_KIND and n not in settled
    ]
