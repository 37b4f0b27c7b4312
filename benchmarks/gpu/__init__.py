"""Measures a CUDA device: the engine beside its rivals, and the service in front of it."""

# Import torch before ONNX Runtime, whose CUDA provider then finds torch's CUDA libraries.
import torch as torch
