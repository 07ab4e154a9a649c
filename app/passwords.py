"""Passwords: which are good enough, and comparing them without giving an attacker memory, time or a hint (threats T31).

Argon2id with 19 MiB, 2 passes, 1 lane (OWASP's first choice of small settings): some 20 ms. Few at once, in threads, so that
the memory is bounded and the loop goes on. Rules after NIST SP 800-63B: length, and no list's favourites; no rule on which
characters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
AT_ONCE = 2
"""Hashes being worked out at the same time in one process: 38 MiB."""
MOST_WAITING = 100
P = ParamSpec("P")
T = TypeVar("T")
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
# What people write where twelve characters are asked for; compared without regard to capitals, and also said twice or thrice.
_FAVOURITES = """
123456789012 1234567890123 12345678901234 123456789012345 1234567890123456 0123456789012 111111111111 000000000000
qwertyuiop12 qwertyuiop123 qwertyuiopas qwertyuiopasdf qwertyuiop[] 1qaz2wsx3edc 1qaz2wsx3edc4rfv zaq12wsxcde3 q1w2e3r4t5y6
1q2w3e4r5t6y 1q2w3e4r5t6y7u asdfghjkl123 asdfghjkl;'zxcvbnm passwordpassword password1234 password12345 password123456
password123! passw0rd1234 passw0rd123! p@ssw0rd1234 p@ssword1234 mypassword123 changeme1234 changemeplease letmein12345
letmeinplease welcome12345 welcome123456 welcome2baton administrator administrator1 admin1234567 admin12345678 adminadmin12
iloveyou1234 iloveyouforever iloveyousomuch sunshine1234 princess1234 football1234 baseball1234 monkey123456 dragon123456
superman1234 trustno1trustno1 abcdefghijkl abcdefghijklm abcd12345678 abc123abc123 a1b2c3d4e5f6 qwerty123456 qwerty1234567
qwertyqwerty qazwsxedcrfv zxcvbnm12345 zxcvbnmasdfgh correcthorsebatterystaple
secretsecret supersecret1 temporarypassword defaultpassword thisismypassword ihatepasswords idontknow123 batonbatonbaton
"""
_COMMON = frozenset(_FAVOURITES.split())


class Busy(Exception):
    """More people sign in at once than are waited for."""


def objection(password: str, email: str) -> str | None:
    """Why this must not be a password, as a sentence; None: it may."""
    said = password.casefold().strip()
    name = email.partition("@")[0]
    if len(password) < SHORTEST:
        return f"Take at least {SHORTEST} characters. Several words are a good password."
    if len(password) > LONGEST:
        return f"Take at most {LONGEST} characters."
    if said in (email, email * 2) or (name and not said.replace(name, "")):
        return "Take something else than your e-mail address."
    if said in _COMMON or said.replace(" ", "") in _COMMON or len(set(said)) < 3:
        return "This is one of the first that others try. Take something else."
    return None


class Passwords:
    """One for a process. `checked` counts the comparisons made, for whoever watches it."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self.checked = 0

    async def hash(self, password: str) -> str:
        """Raises Busy."""
        return await self._in_turn(_HASHER.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is the hash of `password`. None takes as long as any, and is never right. Raises Busy."""
        right = await self._in_turn(_matches, kept or _dummy(), password[: LONGEST + 1])
        return right and kept is not None

    async def _in_turn(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._places:
                self.checked += 1
                return await asyncio.to_thread(work, *arguments, **named)
        finally:
            self._waiting -= 1


def _matches(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy() -> str:
    """The hash of nothing anybody can type, made like every other."""
    return _HASHER.hash("\x00" * SHORTEST)
