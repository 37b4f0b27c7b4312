#!/bin/sh
# Installs what the service needs with these extras (serve or serve-gpu, and store), at the versions
# pip's environment constrains it to, and removes what a running service never loads.
set -eu
python - "$@" >requirements.txt <<'PYTHON'
import sys, tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = [line for extra in sys.argv[1:] for line in project["optional-dependencies"][extra]]
print(*project["dependencies"], *extras, sep="\n")
PYTHON
pip install --requirement requirements.txt

cd "$PIP_PREFIX"/lib/python3*/site-packages
find . -depth -type d -name tests -exec rm -r {} +
# ONNX Runtime's offline tools and its library for C programs: Python has all of it in its own module.
rm -rf onnxruntime/quantization onnxruntime/tools onnxruntime/transformers
rm -f onnxruntime/capi/libonnxruntime.so.*
# The hub client, which tokenizers asks for and needs only to download.
rm -rf huggingface_hub* hf_xet*
