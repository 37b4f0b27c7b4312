"""The three demo checkpoints: sentiment, topic and named entities of English sentences."""
