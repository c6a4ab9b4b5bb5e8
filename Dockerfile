# The backend: `clean-al serve` alone runs everything (queue included); see docker-compose.yml for one process
# per container.
FROM python:3.12-slim AS wheel
WORKDIR /src
COPY requirements-dev.lock ./
# What builds our wheel is pinned by hash too.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements-dev.lock > build.lock \
    && python -m pip install --no-cache-dir --no-deps --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY clean_al clean_al
COPY exporters exporters
COPY backend backend
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12-slim
COPY requirements.lock /tmp/
RUN python -m pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock
COPY --from=wheel /wheels /tmp/wheels
RUN python -m pip install --no-cache-dir --no-deps /tmp/wheels/*.whl \
    && useradd --uid 10001 --create-home clean-al \
    && install --directory --owner clean-al --mode 0700 /data

# Other containers must reach it, so BASIC_AUTH_USER and BASIC_AUTH_PASS are needed: it says so without them.
ENV HOST=0.0.0.0 \
    PORT=9090 \
    MODEL_DIR=/data \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
USER clean-al
WORKDIR /home/clean-al
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["clean-al"]
CMD ["serve"]
