"""The language server: what the command line says of a spec, while it is written."""
