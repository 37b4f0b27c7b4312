ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# What all images have: a user, and process 1, which passes signals on and reaps what it inherits.
FROM ${PYTHON_IMAGE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# The store, and where files are kept: a new volume there belongs to its folder's owner.
RUN install -d -o 10001 -g 10001 /cache /models
ARG VERSION=0.1.0 REVISION= CREATED=
LABEL org.opencontainers.image.title="Classmark" \
    org.opencontainers.image.description="Serves fine-tuned BERT-family classifiers from verified ONNX bundles" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/classmark/classmark" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
ENTRYPOINT ["dumb-init", "--single-child", "--"]

FROM ${PYTHON_IMAGE} AS build
ENV PIP_CONSTRAINT=/source/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_PREFIX=/install \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_USE_PEP517=1
WORKDIR /source
COPY pyproject.toml constraints.txt docker/install-requirements.sh docker/prune-requirements.sh ./

# Requirements and code are layers of their own: a new version of the code is a small download.
FROM build AS requirements-cpu
RUN sh install-requirements.sh image serve store otel && sh prune-requirements.sh

FROM build AS requirements-gpu
RUN sh install-requirements.sh image serve-gpu store otel && sh prune-requirements.sh

# pip's own choice of PyTorch brings CUDA; an index of builds for the CPU alone saves gigabytes.
FROM build AS requirements-models
ARG TORCH_INDEX=
RUN PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" sh install-requirements.sh image serve export train demo

FROM build AS code
COPY README.md LICENSE ./
COPY app app
COPY classmark classmark
RUN pip install --no-deps .
COPY --chmod=755 docker/compile-imports.sh /install/bin/compile-imports

FROM build AS code-models
COPY README.md LICENSE ./
COPY app app
COPY offline offline
COPY training training
COPY export export
COPY demo demo
RUN pip install --no-deps .
COPY --chmod=755 docker/make-demo-models.sh /install/bin/make-demo-models

# Makes the demo models, and asks the service for them: the only image with PyTorch, serves nothing.
FROM base AS models
ENV HOME=/cache
COPY --from=requirements-models /install /usr/local
COPY --from=code-models /install /usr/local
USER 10001:10001
WORKDIR /cache
CMD ["make-demo-models"]

FROM base AS service
# Any interface, because a container is reached from outside only. Without API keys the service then
# refuses to start, unless CLASSMARK_ALLOW_ANONYMOUS says that something else guards it.
# ONNX Runtime's telemetry, on by default, sends facts about models to its maker.
ENV CLASSMARK_HOST=0.0.0.0 \
    CLASSMARK_LOG_FORMAT=json \
    CLASSMARK_MODEL_STORE=/models \
    CLASSMARK_STORE_CACHE=/cache \
    ORT_DISABLE_TELEMETRY=1
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
service = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('CLASSMARK_PORT', 8000)), timeout=2); \
service.request('GET', '/health/ready'); \
sys.exit(service.getresponse().status != 200)"]
ENTRYPOINT ["dumb-init", "--single-child", "--", "python", "-m", "app"]

FROM service AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=requirements-gpu /install /usr/local
# CUDA comes as Python packages, whose folders the dynamic linker does not know by itself.
RUN find /usr/local/lib -path '*/site-packages/nvidia/*/lib' >/etc/ld.so.conf.d/nvidia-packages.conf && ldconfig
COPY --from=code /install /usr/local
RUN compile-imports
USER 10001:10001

# The last stage is what a build without --target makes.
FROM service AS cpu
COPY --from=requirements-cpu /install /usr/local
COPY --from=code /install /usr/local
RUN compile-imports
USER 10001:10001
