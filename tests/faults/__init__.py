"""Runs that are killed, stopped or damaged, and continued."""
