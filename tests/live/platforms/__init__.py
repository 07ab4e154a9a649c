"""The real platforms of the live tests: one module each, installed into a cache and run on loopback.

`n8n.start(cache)` and `airflow.start(cache)` return a running peer with `stop()`.
"""

from tests.live.platforms._cache import PlatformUnavailable
from tests.live.platforms._server import Client, Reply, free_ports

__all__ = ["Client", "PlatformUnavailable", "Reply", "free_ports"]
