# The service, with the models of data/models, after `dvc repro` or `dvc pull`:
#   docker build --tag voicetraits .
#   export VOICETRAITS_TOKEN="$(openssl rand -hex 24)"; echo "$VOICETRAITS_TOKEN"
#   docker run --rm --publish 8000:8000 --env VOICETRAITS_TOKEN voicetraits
# It refuses to start without a token, since it can be reached from outside. Files that DVC has linked from a cache on
# another disk cannot be copied: `dvc unprotect data/models` first.
FROM python:3.11-slim

# Compiled code is kept where the service's user may write.
ENV PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/home/voicetraits/.cache/numba

WORKDIR /app
# The service's own packages, pinned as everywhere: no TensorFlow, no DVC.
COPY requirements-app.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --requirement requirements-app.txt
RUN useradd --uid 10001 --create-home voicetraits \
    && install --directory --owner=voicetraits --group=voicetraits /home/voicetraits/.cache /home/voicetraits/.cache/numba

COPY LICENSE dvc.lock ./
COPY metrics/split.json ./metrics/
COPY src ./src
COPY data/models ./data/models
# Others may read what was copied, whatever the rights of the files on the building machine.
RUN chmod -R a+rX . && python -m compileall -q src

# By number: so Kubernetes can see that it is not root.
USER 10001
# Compiles code beforehand; where a container finds another processor, its first request does, for some 20 s.
RUN PYTHONPATH=src python -c "from pathlib import Path; from voicetraits.inference.predictor import Predictor; from voicetraits.serving.example import example_wav; [Predictor(kind)(example_wav()) for kind in Path('data/models').iterdir()]"
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["python", "src/serve.py", "--host", "0.0.0.0", "--port", "8000"]
