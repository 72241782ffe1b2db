# One image for every process: the workers, `memory-worker`, and the local stand-ins of docker-compose.yml.
FROM python:3.11-slim

# A volume mounted on /data takes its owner from here.
RUN useradd --create-home --uid 10001 memory && install -d -o memory /data
WORKDIR /app

# Dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md ./
COPY protocol protocol
COPY producer producer
COPY worker worker
COPY localcloud localcloud
COPY tablestore_memory tablestore_memory
RUN pip install --no-cache-dir --constraint constraints.txt '.[worker,local]'

USER memory
ENV PYTHONUNBUFFERED=1 MEMORY_LOG_FORMAT=json
# A worker that is told to stop gives its tasks a few seconds, then lets go of them.
ENV REMAP_SIGTERM=SIGQUIT
ENTRYPOINT []
CMD ["celery", "-A", "tablestore_memory.worker.main", "worker", "-Q", "ingest,extract", "-c", "4", "--without-gossip", "--without-mingle"]
