"""The kinds of node, one a file: the folder is the catalogue."""
