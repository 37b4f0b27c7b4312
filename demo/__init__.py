"""The demo checkpoints: sentiment, topic, intent and named entities, in English and in Chinese."""
