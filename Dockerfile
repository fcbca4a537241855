# Three stages:
#   uv       lends its binary
#   build    makes the virtual environment: locked dependencies first, then the code, all compiled
#   the last carries that environment on a bare Python: no uv, no compiler, a numeric user
# Both base images are arguments, so that a build that ships can pin them by digest.

ARG PYTHON_IMAGE=python:3.13-slim
ARG UV_IMAGE=astral/uv:0.13.9

FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/taskgate \
    UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY app app
# uv takes a wheel it kept for new as long as pyproject.toml is; the code is what changed.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --reinstall-package taskgate

FROM ${PYTHON_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="Taskgate" \
      org.opencontainers.image.description="One HTTP gateway to the tasks of Acronis Cyber Protect Cloud" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/taskgate /opt/taskgate
ENV PATH=/opt/taskgate/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TASKGATE_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
# http.client, because urllib would send even this request through a configured proxy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('TASKGATE_PORT', '8080')), timeout=2); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["taskgate", "serve"]
