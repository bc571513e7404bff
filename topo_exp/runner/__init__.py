"""A run taken through its analysis times, and everything that is kept of it."""
