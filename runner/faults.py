"""What a platform's fault means for a node: try again, give up, or say that nobody knows."""

from __future__ import annotations

from providers import NotSupported, ProviderError, RateLimited, Unavailable
from runner.errors import NodeError

_GATEWAY = (502, 504)
"""Said by something between us and the platform, which may well have got the call."""


def unheard(error: ProviderError) -> bool:
    """Whether the call may have arrived and nobody who could know has said what became of it."""
    return error.sent and (error.status is None or error.status in _GATEWAY)


def node_error(error: ProviderError, *, repeatable: bool, doing: str) -> NodeError:
    """The NodeError of a failed starting call. `repeatable`: sending it twice starts one execution.

    A call that may have been accepted is never repeated unless it is repeatable; when its outcome is unknown the node is
    timed out, not failed.
    """
    if isinstance(error, RateLimited):
        return NodeError(
            f"{doing}: {error.message}", code=error.code, hint=error.hint, retry=True, after=error.retry_after
        )
    if isinstance(error, Unavailable):
        again = repeatable or not error.sent
        hint = error.hint
        if not again:
            hint = "The call may have been accepted, so it was not repeated. Look on the platform before you run it again."
        return NodeError(
            f"{doing}: {error.message}",
            code=error.code,
            hint=hint,
            retry=again,
            timed_out=error.code == "timeout" or unheard(error),
        )
    if isinstance(error, NotSupported):
        return NodeError(f"{doing}: {error.message}", code=error.code, hint=error.hint)
    return NodeError(f"{doing}: {error.message}", code=error.code, hint=error.hint)
