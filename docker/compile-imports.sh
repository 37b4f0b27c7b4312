#!/bin/sh
# Compiles the modules of the standard library that the service imports: images of Python have no
# bytecode, and a container with a read-only root would compile them at every start.
set -eu
PYTHONDONTWRITEBYTECODE='' python -c '
import encodings.idna
import app.environment, app.main
import app.api.connection.server, app.engine.backends.onnxruntime, app.workers.supervisor.supervisor
'
