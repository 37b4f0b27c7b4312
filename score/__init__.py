"""Scores files: an answer for every row, on the service's own engine or by a running service."""
