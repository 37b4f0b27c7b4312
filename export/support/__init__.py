"""Which encoder families can be exported: tiny random checkpoints of each, exported, compared."""
