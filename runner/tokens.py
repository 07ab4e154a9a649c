"""Callback tokens: derived from a run's sealed seed, so that nothing in the database lets a reader make one.

token(node) = "bt_" + base64url(HMAC-SHA256(seed, "callback:" + node)); the database holds the seed sealed by the vault,
and SHA-256 of each token to look it up by.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

SEED_BYTES = 32
PREFIX = "bt_"


def new_seed() -> bytes:
    return secrets.token_bytes(SEED_BYTES)


def callback_token(seed: bytes, node_id: str) -> str:
    """256 bits, equal for every try of the node in its run, unlike for any other node or run."""
    mac = hmac.digest(seed, b"callback:" + node_id.encode(), "sha256")
    return PREFIX + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
