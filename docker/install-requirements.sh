#!/bin/sh
# Installs what these extras of the project need, at the versions that pip is constrained to.
set -eu
python - "$@" >requirements.txt <<'PYTHON'
import sys, tomllib

project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = [line for extra in sys.argv[1:] for line in project["optional-dependencies"][extra]]
print(*project["dependencies"], *extras, sep="\n")
PYTHON
pip install --requirement requirements.txt
