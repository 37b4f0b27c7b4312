"""Int8 graphs for CPU: schemes, and the search for what must stay in higher precision."""
