"""The demo checkpoints: sentiment, topic and named entities, in English and in Chinese."""
