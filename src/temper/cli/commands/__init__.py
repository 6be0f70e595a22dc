"""One file per command, found by looking. Each has `SUMMARY`, `configure(parser)` and `run(arguments, terminal)`."""
