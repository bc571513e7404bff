"""Sheets, projections and connection fields, and the events that move activity between them."""
