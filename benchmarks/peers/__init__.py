"""What Baton is measured against. Each peer is installed into a cache of its own and driven by a program in this folder."""
