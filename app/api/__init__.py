"""The resources of the API, one per file; each ends with `routes`."""
