# The server as an image: `docker build --tag todo-graphql .`; docs/operations.md says how to run it.
# The embedded PostgreSQL of `dev` is not in it.

# What all checks run with. Any version that pyproject.toml allows will do.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
# `runtime-extras` adds Redis for shared rate limits, and OpenTelemetry for traces.
ARG REQUIREMENTS=runtime
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Before the code, so that only other requirements have them fetched again. Each file must have the
# hash that was looked at when it was pinned, and nothing is compiled from source.
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

# By number, so that an orchestrator can see that it is not root. It owns no file, and writes none.
USER 10001:10001
EXPOSE 8000

# Whether the process answers, and not whether its database does: a new container would not bring
# that back, and asking would keep a database awake that sleeps while nobody needs it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os; from http.client import HTTPConnection as C; c = C('localhost', int(os.environ['PORT']), timeout=4); c.request('GET', '/health/live'); assert c.getresponse().status == 200"]

# It finishes what it has begun, for ten seconds at most: give it 15 before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["todo-graphql"]
CMD ["serve"]
