"""Who signs in at an issuer of OpenID Connect: the ways there that browsers have begun, and whose an identity is.

An identity is issuer and subject, never an e-mail address. An address counts for two things, and only while the issuer
vouches for it: an invitation, and, where the operator allowed it, the account that has it (threat T22).
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from providers import Frozen, Timestamp
from runner.database import Database
from runner.errors import Conflict, NotFound
from runner.identity import Admittance, Claims
from runner.model import Role, Scope
from runner.store.accounts import create_account
from runner.store.api_tokens import workspace_called
from runner.store.audit import record, record_refusal
from runner.store.minted import hashed
from runner.store.people import expel, give_role
from runner.store.sessions import Client, end_sessions, open_session, scope_of
from runner.tables import account, api_token, identity, invitation, membership, oidc_flow, password_reset

FLOW_LIFE = timedelta(minutes=10)
_NAME_LIMIT = 100
_NOW = func.clock_timestamp()


@dataclass(frozen=True)
class Flow:
    """A way that was begun and is taken now. `account_id`: of who was signed in and wants to link."""

    place: str
    account_id: UUID | None


@dataclass(frozen=True)
class NotAdmitted:
    """Somebody real, who may not come in. `why` is for the log: it may tell what only an admin should know."""

    why: str


class IdentityItem(Frozen):
    """One way to sign in elsewhere that leads to a person. `email` is what the issuer said last."""

    id: UUID
    issuer: str
    email: str | None
    created_date: Timestamp
    last_used: Timestamp


class Identities:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, issuer: str, state: str, browser: str, place: str, account_id: UUID | None = None
    ) -> None:
        """Note a way to `issuer`, good for FLOW_LIFE. Only hashes of `state` and of the browser's secret are kept; what is too
        old is swept out."""
        async with self._database.begin() as connection:
            await connection.execute(delete(oidc_flow).where(oidc_flow.c.expires_at < _NOW))
            await connection.execute(
                insert(oidc_flow).values(
                    state_sha256=hashed(state),
                    browser_sha256=hashed(browser),
                    issuer=issuer,
                    place=place,
                    account_id=account_id,
                    expires_at=_NOW + FLOW_LIFE,
                )
            )

    async def take(self, issuer: str, state: str, browser: str) -> Flow | None:
        """The way that this browser began to this issuer; of several at once, one gets it, and nobody after. None: there is no
        such way, or it is too old."""
        async with self._database.begin() as connection:
            row = (
                await connection.execute(
                    delete(oidc_flow)
                    .where(
                        oidc_flow.c.state_sha256 == hashed(state),
                        oidc_flow.c.browser_sha256 == hashed(browser),
                        oidc_flow.c.issuer == issuer,
                        oidc_flow.c.expires_at > _NOW,
                    )
                    .returning(oidc_flow.c.place, oidc_flow.c.account_id)
                )
            ).first()
        return None if row is None else Flow(row.place, row.account_id)

    async def sign_in(self, claims: Claims, may: Admittance, client: Client) -> str | NotAdmitted:
        """A new session of whoever this is, as the text of its cookie. The claims must be verified. Of a refusal nothing stays
        but a line in the audit log, and that a member whom `may.groups` gives nothing any more is none any more."""
        async with self._database.begin() as connection:
            found = await _admit(connection, claims, may, client)
            if isinstance(found, NotAdmitted):
                await record_refusal(
                    connection, claims.sure_email, found.why, client.address, client.request_id
                )
                return found
            account_id, workspace_id = found
            secret = await open_session(connection, account_id, client, workspace_id=workspace_id)
            assert secret is not None
            return secret

    async def link(self, scope: Scope, claims: Claims) -> None:
        """From now on this identity signs in as the person who asks. Idempotent. Raises Conflict, code identity-taken, if it is
        somebody else's."""
        assert scope.account_id is not None
        async with self._database.begin() as connection:  # of a person, in no one workspace
            await _hold(connection, f"{claims.issuer} {claims.subject}")
            owner = await connection.scalar(select(identity.c.account_id).where(*_is(claims)))
            if owner == scope.account_id:
                return
            if owner is not None:
                raise Conflict(
                    "Somebody else signs in with this.",
                    code="identity-taken",
                    hint="Sign in with it and unlink it there, or sign in at the issuer as yourself.",
                )
            await _link(connection, claims, scope.account_id, scope)

    async def mine(self, scope: Scope) -> tuple[IdentityItem, ...]:
        """Those of the person who asks, oldest first; none for a program."""
        query = select(
            identity.c.id,
            identity.c.issuer,
            identity.c.email,
            identity.c.created_at.label("created_date"),
            identity.c.used_at.label("last_used"),
        )
        async with self._database.begin() as connection:  # of a person, in no one workspace
            rows = await connection.execute(
                query.where(identity.c.account_id == scope.account_id).order_by(identity.c.id)
            )
            return tuple(IdentityItem.model_validate(dict(row)) for row in rows.mappings())

    async def unlink(self, scope: Scope, identity_id: UUID) -> None:
        """It no longer signs in as the person who asks. Raises NotFound, and Conflict, code last-way-in, if nothing would be
        left to sign in with: neither a password nor another identity."""
        async with self._database.begin() as connection:  # of a person, in no one workspace
            person = (
                await connection.execute(
                    select(account.c.id, account.c.password_hash)
                    .where(account.c.id == scope.account_id)
                    .with_for_update()
                )
            ).first()
            mine = (
                await connection.execute(
                    select(identity.c.id, identity.c.issuer).where(identity.c.account_id == scope.account_id)
                )
            ).all()
            found = next((row for row in mine if row.id == identity_id), None)
            if person is None or found is None:
                raise NotFound("There is no such linked sign-in.")
            if person.password_hash is None and len(mine) == 1:
                raise Conflict(
                    "This is your last way to sign in.",
                    code="last-way-in",
                    hint="Set a password or link another sign-in first.",
                )
            await connection.execute(delete(identity).where(identity.c.id == identity_id))
            await record(connection, scope, "identity.unlinked", "account", person.id, found.issuer)


async def _admit(
    connection: AsyncConnection, claims: Claims, may: Admittance, client: Client
) -> tuple[UUID, UUID] | NotAdmitted:
    """Whose account it is, with the workspace to begin in."""
    await _hold(connection, f"{claims.issuer} {claims.subject}")
    if not may.knows_domain(claims):
        return NotAdmitted("the e-mail address is of no domain that may come in, or not verified")
    try:
        home = await workspace_called(connection, may.workspace)
    except NotFound as error:
        return NotAdmitted(f"the issuer's settings name a workspace: {error.message}")
    known = (
        await connection.execute(
            select(account.c.id, account.c.disabled_at)
            .join(identity, identity.c.account_id == account.c.id)
            .where(*_is(claims))
        )
    ).first()
    made: UUID | NotAdmitted | None = None
    if known is None:
        made = await _newcomer(connection, claims, may, home, client)
        if isinstance(made, NotAdmitted):
            return made
        known = (
            await connection.execute(select(account.c.id, account.c.disabled_at).where(account.c.id == made))
        ).one()
    if known.disabled_at is not None:
        return NotAdmitted("the account is disabled")
    await connection.execute(
        update(identity).where(*_is(claims)).values(used_at=_NOW, email=claims.email and claims.email[:320])
    )
    if may.groups:
        await _govern(connection, claims, may, known.id, home, client)
    places = (
        await connection.scalars(select(membership.c.workspace_id).where(membership.c.account_id == known.id))
    ).all()
    if not places:
        return NotAdmitted("the account is a member of no workspace")
    return known.id, home


async def _newcomer(
    connection: AsyncConnection, claims: Claims, may: Admittance, home: UUID, client: Client
) -> UUID | NotAdmitted:
    """The account of an identity that was never here: the one that has its e-mail address, if that may be linked, else a new
    one, for the invited and where newcomers may come in."""
    email = claims.sure_email
    if email is not None:
        await _hold(connection, email)  # the lock of every maker of accounts
        owner = (
            await connection.execute(
                select(account.c.id, account.c.disabled_at).where(account.c.email == email).with_for_update()
            )
        ).first()
        if owner is not None:
            if not may.link_by_email:
                return NotAdmitted("an account has this e-mail address, and linking by it is not allowed")
            if owner.disabled_at is not None:
                return NotAdmitted("the account is disabled")
            member = await connection.scalar(
                select(membership.c.workspace_id).where(membership.c.account_id == owner.id).limit(1)
            )
            if member is None:
                return NotAdmitted("the account is a member of no workspace")
            await _void(connection, owner.id)
            await _link(connection, claims, owner.id, await scope_of(connection, owner.id, member, client))
            return owner.id
    invited = await _invited(connection, email)
    joins = {row.workspace_id: Role(row.role) for row in invited}
    role = may.role(claims)
    if may.groups:
        joins.pop(home, None)
    if role is not None and (may.groups or not joins):
        joins[home] = role
    if not joins:
        return NotAdmitted("no account, no invitation, and newcomers may not come in")
    await connection.execute(
        update(invitation).where(invitation.c.id.in_([row.id for row in invited])).values(used_at=_NOW)
    )
    (first, given), *others = joins.items()
    made = await create_account(
        connection,
        email=email,
        name=await _name(connection, claims),
        workspace_id=first,
        role=given,
        client=client,
        password_hash=None,
    )
    for place, role in others:
        await connection.execute(insert(membership).values(workspace_id=place, account_id=made, role=role))
        scope = await scope_of(connection, made, place, client)
        await record(connection, scope, "member.added", "member", made, scope.subject, fields=["role"])
    await _link(connection, claims, made, await scope_of(connection, made, first, client))
    return made


async def _invited(connection: AsyncConnection, email: str | None) -> list[Any]:
    """The open invitations of an address, oldest first: of two to one workspace the newer counts."""
    if email is None:
        return []
    open_ones = (
        select(invitation.c.id, invitation.c.workspace_id, invitation.c.role)
        .where(invitation.c.email == email, invitation.c.used_at.is_(None), invitation.c.expires_at > _NOW)
        .order_by(invitation.c.id)
        .with_for_update()
    )
    return list((await connection.execute(open_ones)).all())


async def _name(connection: AsyncConnection, claims: Claims) -> str:
    """What a new account is called. Who has no e-mail address that the issuer vouches for is known by name, so theirs says where
    they come from: nobody can be called like somebody else."""
    shown = "".join(c for c in claims.name or "" if c.isprintable()).strip()[:_NAME_LIMIT]
    if (email := claims.sure_email) is not None:
        return shown or email
    mark = hashlib.sha256(claims.subject.encode()).hexdigest()
    host = claims.issuer.partition("://")[2].partition("/")[0]
    base = shown.replace("@", " at ") or "Somebody"
    plain = f"{base} ({host})"
    await _hold(connection, plain)
    taken = await connection.scalar(
        select(account.c.id).where(account.c.email.is_(None), account.c.name == plain)
    )
    return f"{base} ({host}, {mark[:16]})" if taken else plain


async def _govern(
    connection: AsyncConnection, claims: Claims, may: Admittance, account_id: UUID, home: UUID, client: Client
) -> None:
    """The role in `home` is that of the groups; without one they are no member there any more. Of the last admin that is not
    done: a workspace without one could not be mended from its screens."""
    role = may.role(claims)
    before = await connection.scalar(
        select(membership.c.role).where(
            membership.c.workspace_id == home, membership.c.account_id == account_id
        )
    )
    if before is None and role is not None:
        await connection.execute(
            insert(membership).values(workspace_id=home, account_id=account_id, role=role)
        )
        scope = await scope_of(connection, account_id, home, client)
        await record(connection, scope, "member.added", "member", account_id, reason="groups")
    elif before is not None:
        scope = await scope_of(connection, account_id, home, client)
        with suppress(Conflict):
            async with connection.begin_nested():
                if role is None:
                    await expel(connection, scope, account_id, reason="groups")
                else:
                    await give_role(connection, scope, account_id, role, reason="groups")


async def _void(connection: AsyncConnection, account_id: UUID) -> None:
    """Every other way in ends: who made this account never had to show that the address is theirs, as the issuer just did. Else
    somebody could accept an invitation for an address, wait for its owner, and share the account with them."""
    await end_sessions(connection, account_id)
    await connection.execute(update(account).where(account.c.id == account_id).values(password_hash=None))
    for table in (identity, password_reset):
        await connection.execute(delete(table).where(table.c.account_id == account_id))
    await connection.execute(
        update(api_token)
        .where(api_token.c.account_id == account_id, api_token.c.revoked_at.is_(None))
        .values(revoked_at=_NOW)
    )


async def _link(connection: AsyncConnection, claims: Claims, account_id: UUID, scope: Scope) -> None:
    await connection.execute(
        insert(identity).values(
            account_id=account_id,
            issuer=claims.issuer,
            subject=claims.subject,
            email=claims.email and claims.email[:320],
        )
    )
    scope = replace(scope, account_id=account_id)
    await record(connection, scope, "identity.linked", "account", account_id, claims.issuer)


async def _hold(connection: AsyncConnection, held: str) -> None:
    """One at a time: the second finds what the first made."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(held, 0))))


def _is(claims: Claims) -> tuple[Any, Any]:
    return identity.c.issuer == claims.issuer, identity.c.subject == claims.subject
