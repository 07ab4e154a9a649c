"""Baton's web application: HTTP, the command line, and what starts and stops the rest."""
