FROM python:3.11-slim-bookworm

# Packages of more Tesseract languages, for example "tesseract-ocr-deu tesseract-ocr-fra"; name them in OCR_LANGUAGES too.
ARG OCR_PACKAGES=""
RUN apt-get update \
 && apt-get install -y --no-install-recommends tesseract-ocr ${OCR_PACKAGES} \
 && rm -rf /var/lib/apt/lists/*

# Set to the CPU index of PyTorch's installation page for an image without the CUDA libraries, smaller by some gigabytes.
ARG TORCH_INDEX=""
ENV PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
COPY requirements.txt requirements-nodeps.txt ./
RUN python -m pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} -r requirements.txt \
 && python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-nodeps.txt

RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin backend \
 && install --directory --owner backend --group backend /data
COPY _wsgi.py gunicorn.conf.py ./
COPY backend backend
COPY label_configs label_configs
COPY scripts/__init__.py scripts/container_health.py scripts/
# The demonstration, and the forms that it draws.
COPY scripts/demo scripts/demo
COPY tests/__init__.py tests/
COPY tests/drawn tests/drawn

ENV DATA_DIR=/data \
    HF_HOME=/data/hub \
    PYTHONUNBUFFERED=1
USER backend
VOLUME /data
EXPOSE 9090
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["python", "-m", "scripts.container_health", "web"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "_wsgi:app"]
