# Image of the server: `docker build --tag todo-graphql .`; docs/operations.md describes its use.
# It does not contain the embedded PostgreSQL of `dev`.

# The version that all checks use. Every version that pyproject.toml allows works.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# `runtime-extras` adds Redis for shared rate limits, and OpenTelemetry for traces.
ARG REQUIREMENTS=runtime
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Copied before the code, so that a change of the code does not install the packages again. Each
# package must match its pinned hash, and none is compiled from source.
COPY requirements/build.txt requirements/runtime.txt requirements/runtime-extras.txt requirements/
RUN python -m venv --without-pip /opt/build \
    && pip --python /opt/build install --require-hashes --no-deps --only-binary :all: \
        --requirement requirements/build.txt
RUN python -m venv --without-pip /opt/todo-graphql \
    && pip --python /opt/todo-graphql install --require-hashes --no-deps --only-binary :all: \
        --requirement requirements/${REQUIREMENTS}.txt

COPY pyproject.toml README.md LICENSE ./
COPY alembic alembic
COPY todo_graphql todo_graphql
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /wheel \
    && pip --python /opt/todo-graphql install --no-deps --no-index /wheel/*.whl

FROM python:${PYTHON}-slim
COPY --from=build /opt/todo-graphql /opt/todo-graphql
ENV PATH=/opt/todo-graphql/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000

# A number, so that an orchestrator can verify that it is not root. It owns and writes no file.
USER 10001:10001
EXPOSE 8000

# Checks the process only: a new container does not repair a database, and a check of the database
# would keep an idle one from being suspended.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os; from http.client import HTTPConnection as C; c = C('localhost', int(os.environ['PORT']), timeout=4); c.request('GET', '/health/live'); assert c.getresponse().status == 200"]

# The server finishes requests for at most 10 s: allow 15 s before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["todo-graphql"]
CMD ["serve"]
