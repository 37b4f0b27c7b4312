"""Streams texts of known topic and opinion to a service; a surge can be planted."""
