# The serving part only: no torch, no transformers. About 350 MB of packages on top of the slim image, and the models.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    LECTOR_DATA=/data \
    LECTOR_HOST=0.0.0.0 \
    LECTOR_PORT=8000

WORKDIR /lector
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY store ./store
COPY models ./models
COPY indexer ./indexer
COPY benchmarks ./benchmarks
COPY app ./app
RUN pip install --constraint constraints.txt . \
    && useradd --create-home --uid 10001 lector \
    && mkdir /data \
    && chown lector /data

USER lector
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"LECTOR_PORT\"]}/ready', timeout=2)"]
ENTRYPOINT ["lector"]
CMD ["serve"]
