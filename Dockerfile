# One service as an image: docker build --build-arg SERVICE=queue|processor|notifier|gateway .
#
# It runs as 10001:10001 and needs no shell, no capability and no writable root. What a service keeps, it keeps in /data
# (SQLite; with PostgreSQL nothing); what the processor works on, in /scratch, which must be a tmpfs.
#
# A release gives the base by digest: --build-arg PYTHON_IMAGE=docker.io/library/python:3.11-slim@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim
ARG SERVICE

# clipferry itself: the same in all four images, and built once for them.
# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS source
WORKDIR /source
COPY pyproject.toml README.md ./
COPY protos/gen protos/gen
COPY services services
COPY gateway gateway
COPY cli cli
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
RUN python -m venv --without-pip /opt/clipferry
ARG SERVICE
COPY deploy/locks/${SERVICE}.lock /requirements.lock
RUN pip --python /opt/clipferry/bin/python install --no-cache-dir --require-hashes -r /requirements.lock
COPY --from=source /wheel /wheel
RUN pip --python /opt/clipferry/bin/python install --no-cache-dir --no-deps /wheel/*.whl

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS runtime
RUN install -d -m 1777 /data /scratch
ARG SERVICE
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="clipferry-${SERVICE}" \
      org.opencontainers.image.description="Web video in, Telegram out: streamed through memory, watched live." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
COPY --from=build /opt/clipferry /opt/clipferry
# HOME is nowhere on purpose: nothing is looked for in it, and nothing can be kept there.
ENV PATH=/opt/clipferry/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/nonexistent \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001

FROM runtime AS queue
ENV QUEUE_LISTEN_ADDRESS=0.0.0.0:50051
EXPOSE 50051
ENTRYPOINT ["python", "-m", "services.queue"]

FROM runtime AS processor
ENV PROCESSOR_LISTEN_ADDRESS=0.0.0.0:50052 \
    TMPFS_DIR=/scratch/videos \
    TMPDIR=/scratch
EXPOSE 50052
ENTRYPOINT ["python", "-m", "services.processor"]

FROM runtime AS notifier
ENV NOTIFIER_LISTEN_ADDRESS=0.0.0.0:50053
EXPOSE 50053
ENTRYPOINT ["python", "-m", "services.notifier"]

FROM runtime AS gateway
ENV HOST=0.0.0.0
EXPOSE 3000
ENTRYPOINT ["python", "-m", "gateway"]

# hadolint ignore=DL3006
FROM ${SERVICE}
