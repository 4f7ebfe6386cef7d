# The workers as an image, settle if nothing else is said: docker build -t petct-settlement .
# Nothing in it needs root at run time or writes outside /tmp, watch's folder apart: run it with --read-only --tmpfs /tmp.
# CI builds and tests the wheel that goes in here, but not the image: it has no container engine
# (docs/deployment.md tells what has been run and what has not).
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS wheel
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN apt-get update -qq && apt-get install -qq --no-install-recommends gcc libc6-dev
RUN pip install --no-cache-dir --constraint constraints.txt build hatchling mypy pydantic setuptools
COPY hatch_build.py ./
COPY schemas schemas
COPY streams streams
# Compiled: it decides in about half the time. Without isolation: the build takes what the constraints say, not the newest.
RUN HATCH_BUILD_HOOKS_ENABLE=1 python -m build --wheel --no-isolation

FROM ${PYTHON} AS installed
COPY --from=wheel /src/constraints.txt /src/dist/ /src/
RUN python -m venv /opt/petct \
 && /opt/petct/bin/pip install --no-cache-dir --constraint /src/constraints.txt /src/*.whl \
 && /opt/petct/bin/python -m compileall -q /opt/petct \
 && rm -rf /opt/petct/bin/pip* /opt/petct/lib/python3.11/site-packages/pip*

FROM ${PYTHON}
LABEL org.opencontainers.image.title="petct-settlement" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/petct/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=installed /opt/petct /opt/petct
# The folder of `worker watch`: a new named volume takes over its owner. Without a volume nothing is kept.
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/petct-watch
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
# Inside a container the probes and the scraper come from outside its loopback.
ENV PETCT_HTTP_HOST=0.0.0.0
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9464/livez', timeout=2)"]
ENTRYPOINT ["petct"]
CMD ["worker", "settle"]
