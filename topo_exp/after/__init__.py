"""Work on finished runs."""
