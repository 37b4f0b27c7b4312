"""`python -m export schemes`: every scheme of int8 on trained checkpoints, measured and shown."""
