"""Launchers that run the points of a sweep on other machines, through jobs that take points from its directory."""
