"""What a CUDA device gives: the engine beside its rivals, and the service in front of it."""

# Before ONNX Runtime: its CUDA provider then finds the CUDA libraries that torch brought.
import torch as torch
