#!/bin/sh
# Removes from what is installed all that a running service never loads.
set -eu
cd "$PIP_PREFIX"/lib/python3*/site-packages
find . -depth -type d -name tests -exec rm -r {} +
# What builds and checks other packages: types, and the sources and headers of compiled modules.
find . -type f -regex '.*\.\(pyi\|pyx\|pxd\|pxi\|c\|h\|a\)' -delete
rm -rf numpy/distutils numpy/f2py numpy/_pyinstaller numpy/testing
# Parts of NumPy that are imported when they are used.
rm -rf numpy/fft numpy/ma numpy/polynomial numpy/random
# ONNX Runtime's offline tools and its library for C programs: Python has all of it in its own module.
rm -rf onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
rm -f onnxruntime/capi/libonnxruntime.so.*
# The hub client, which tokenizers asks for and needs only to download, and what it alone asks for.
rm -rf huggingface_hub* hf_xet* fsspec* filelock* tqdm* yaml* _yaml* pyyaml*
# The second viewer of the API's description, which the service does not show.
rm -f fastapi_offline/static/redoc.standalone.js
# Commands of what was removed.
cd "$PIP_PREFIX"/bin
rm -f f2py numpy-config onnxruntime_test hf huggingface-cli tiny-agents tqdm
