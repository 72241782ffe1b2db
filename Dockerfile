# One image for every process: the workers, `memory-worker`, and the local stand-ins of docker-compose.yml.
# CPython 3.12, as the SDK's native codec loads nowhere else (docs/operating.md).
FROM python:3.12-slim AS build

WORKDIR /src
RUN python -m venv /opt/memory
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY protocol protocol
COPY producer producer
COPY recall recall
COPY adapters adapters
COPY worker worker
COPY server server
COPY localcloud localcloud
COPY tablestore_memory tablestore_memory
RUN /opt/memory/bin/pip install --no-cache-dir --constraint constraints.txt '.[worker,server,local,otel]'

FROM python:3.12-slim

# A volume mounted on /data takes its owner from here.
RUN useradd --create-home --uid 10001 memory && install -d -o memory /data
COPY --from=build /opt/memory /opt/memory

# By number, so that Kubernetes sees that it is not root.
USER 10001
WORKDIR /home/memory
ENV PATH=/opt/memory/bin:$PATH PYTHONUNBUFFERED=1 MEMORY_LOG_FORMAT=json
# Where a server keeps what it could not deliver yet.
ENV XDG_STATE_HOME=/data
# A worker that is told to stop gives its tasks a few seconds, then lets go of them.
ENV REMAP_SIGTERM=SIGQUIT
CMD ["celery", "-A", "tablestore_memory.worker.main", "worker", "-Q", "ingest,extract", "-c", "4"]
