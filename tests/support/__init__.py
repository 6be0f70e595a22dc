"""What several tests use: tables built by hand, expressions drawn at random, reference interpreters."""
