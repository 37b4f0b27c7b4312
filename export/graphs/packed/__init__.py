"""Build packed fp16 graphs for CUDA from the weights: texts one after the other, no padding."""
