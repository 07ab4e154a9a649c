"""Signing in at an issuer of OpenID Connect: its settings, its documents, its ID tokens, and the way there and back.

The authorization code flow with PKCE, and no other. Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE),
RFC 9207 (issuer in the answer), RFC 8725 (JWT best practice). Threats T12 and T22.
"""
