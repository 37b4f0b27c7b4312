"""Classmark's service: serves bundles of fine-tuned BERT-family classifiers over HTTP."""

from importlib.metadata import version

__version__ = version("classmark")
