"""What only a person may do who is signed in: a token, even their own, changes no password and ends no session."""

from __future__ import annotations

from app.problems import Forbidden
from runner.model import Scope


def person(scope: Scope) -> Scope:
    """`scope`, if it is of a session. Raises Forbidden, code session-needed."""
    if scope.account_id is None or scope.session_id is None:
        raise Forbidden(
            "Only a person who is signed in does this.", code="session-needed", hint="Sign in in a browser."
        )
    return scope
