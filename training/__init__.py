"""Offline fine-tuning: labelled data and a base encoder become a Hugging Face checkpoint."""
