"""Who an issuer says somebody is, and what the operator lets that mean here. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.model import Role


@dataclass(frozen=True)
class Claims:
    """What a verified ID token says. Issuer and subject are who it is. `email` is a word about somebody, and worth something
    only while `email_verified`, which is True for the JSON value true alone."""

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    groups: frozenset[str] = frozenset()

    @property
    def sure_email(self) -> str | None:
        """The e-mail address that the issuer vouches for, as accounts have it."""
        email = (self.email or "").lower()
        fine = (
            self.email_verified and email.count("@") == 1 and not email.startswith("@") and len(email) <= 254
        )
        return email if fine and email.isprintable() and " " not in email else None


@dataclass(frozen=True)
class Admittance:
    """What an issuer's people may do here. `newcomers` None: only who has an account or an invitation comes in. `workspace` None:
    the first there is. With `groups`, the role there is that of the groups at each sign-in."""

    newcomers: Role | None = None
    workspace: str | None = None
    domains: tuple[str, ...] = ()
    groups: Mapping[str, Role] = field(default_factory=dict[str, Role])
    link_by_email: bool = False

    def knows_domain(self, claims: Claims) -> bool:
        """Whether the e-mail is of a domain that may come in, compared whole; without domains, always."""
        if not self.domains:
            return True
        email = claims.sure_email
        return email is not None and email.partition("@")[2] in self.domains

    def role(self, claims: Claims) -> Role | None:
        """What a newcomer gets, and with `groups` everybody at each sign-in: the highest role of the groups, else that of
        newcomers. None: nothing."""
        found = [role for group, role in self.groups.items() if group in claims.groups]
        return max(found, key=lambda role: role.rank) if found else self.newcomers
