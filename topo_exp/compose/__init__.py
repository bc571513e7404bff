"""From configuration and command line to a validated run."""
