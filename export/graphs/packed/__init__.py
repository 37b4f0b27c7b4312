"""Packed fp16 graphs for CUDA: texts one after the other, no padding, built from the weights."""
