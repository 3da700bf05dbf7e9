# One image for the worker, the web door and the CLI.

FROM python:3.11-slim-bookworm AS wheel
WORKDIR /src
COPY requirements-dev.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md worker.py ./
COPY activities activities
COPY clarion clarion
COPY starter starter
COPY workflows workflows
RUN python -m build --wheel --no-isolation --outdir /dist

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CLARION_HOME=/var/lib/clarion
COPY requirements.lock /tmp/
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.lock
COPY --from=wheel /dist/*.whl /tmp/
RUN pip install --no-cache-dir --no-deps --no-index /tmp/*.whl && rm /tmp/*.whl /tmp/requirements.lock \
    && useradd --system --uid 10001 --home-dir /var/lib/clarion --create-home clarion
USER clarion
WORKDIR /var/lib/clarion
CMD ["clarion-worker"]
