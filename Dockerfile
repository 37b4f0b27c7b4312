ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_CONSTRAINT=/source/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_PREFIX=/install \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY pyproject.toml constraints.txt docker/install-requirements.sh ./

# Requirements and code are layers of their own: a new version of the code is a small download.
FROM build AS requirements-cpu
RUN sh install-requirements.sh serve store

FROM build AS requirements-gpu
RUN sh install-requirements.sh serve-gpu store

FROM build AS code
COPY README.md LICENSE ./
COPY app app
COPY classmark classmark
RUN pip install --no-deps .

FROM ${PYTHON_IMAGE} AS service
# Any interface, because a container is reached from outside only. Without API keys the service then
# refuses to start, unless CLASSMARK_ALLOW_ANONYMOUS says that something else guards it.
# ONNX Runtime's telemetry, on by default, sends facts about models to its maker.
ENV CLASSMARK_HOST=0.0.0.0 \
    CLASSMARK_LOG_FORMAT=json \
    CLASSMARK_MODEL_STORE=/models \
    CLASSMARK_STORE_CACHE=/cache \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Where a bucket's files are kept; a volume there outlives the container, and works with a read-only root.
RUN install -d -o 10001 -g 10001 /cache
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
service = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('CLASSMARK_PORT', 8000)), timeout=2); \
service.request('GET', '/health/ready'); \
sys.exit(service.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "app"]

FROM service AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=requirements-gpu /install /usr/local
# CUDA comes as Python packages, whose folders the dynamic linker does not know by itself.
RUN find /usr/local/lib -path '*/site-packages/nvidia/*/lib' >/etc/ld.so.conf.d/nvidia-packages.conf && ldconfig
COPY --from=code /install /usr/local
USER 10001:10001

# The last stage is what a build without --target makes.
FROM service AS cpu
COPY --from=requirements-cpu /install /usr/local
COPY --from=code /install /usr/local
USER 10001:10001
