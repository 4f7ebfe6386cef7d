# The settle worker as an image: docker build -t petct-settlement .
# CI builds and tests the wheel that goes in here, but not the image: it has no container engine.
FROM python:3.11-slim AS wheel
WORKDIR /src
RUN pip install --no-cache-dir build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schemas schemas
COPY streams streams
RUN python -m build --wheel

FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN --mount=from=wheel,source=/src,target=/src \
    pip install --no-cache-dir --constraint /src/constraints.txt /src/dist/*.whl
RUN useradd --system --uid 10001 --no-create-home petct
USER petct
# Inside a container the probes and the scraper come from outside its loopback.
ENV PETCT_HTTP_HOST=0.0.0.0
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/livez', timeout=2)"]
ENTRYPOINT ["petct"]
CMD ["worker", "settle"]
