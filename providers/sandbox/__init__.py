"""Small servers that speak the platforms' documented wire: for the first-run tour, and for tests.

Each module holds one platform as a plain ASGI application with state in memory: workflows that end at once, run slowly,
fail, wait in a queue and call back. Whoever serves them listens on loopback only.
"""
