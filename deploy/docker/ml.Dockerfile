# executor_ml: Candle through its own crate. Models are no part of it: they lie in a volume, /models.
# Rules: toolchains, pip and uv stay in build stages; the final one has the environment and what it
# runs. Stages that several images have are the same text, so that they are built once. What is
# installed from elsewhere is locked by hashes. Build it from the root of the checkout:
#   docker build -f deploy/docker/ml.Dockerfile .
ARG BASE=debian:bookworm-slim
# made: what takes minutes is made here; brought: it lies in dist/images, where the checkout put it.
ARG BUILT=made

FROM ${BASE} AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 && groupadd --gid 65532 edgemesh \
 && useradd --uid 65532 --gid 65532 --home-dir /var/lib/edgemesh --shell /usr/sbin/nologin edgemesh \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/edgemesh \
 && install -d -o 65532 -g 65532 -m 0750 /etc/edgemesh

FROM runtime AS tools
ENV PIP_CACHE_DIR=/var/cache/pip UV_CACHE_DIR=/var/cache/uv CARGO_HOME=/var/cache/cargo
COPY deploy/local/tools.lock deploy/local/build.lock /locks/
RUN --mount=type=cache,target=/var/cache/pip \
    apt-get update \
 && apt-get install -y --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /tools \
 && /tools/bin/pip install --require-hashes --only-binary :all: -r /locks/tools.lock -r /locks/build.lock

FROM tools AS environment
COPY executor_ml/requirements.lock /locks/
RUN --mount=type=cache,target=/var/cache/uv \
    /tools/bin/uv venv --python /usr/bin/python3 /opt/edgemesh \
 && /tools/bin/uv pip install --python /opt/edgemesh --link-mode copy --compile-bytecode \
      --require-hashes --only-binary :all: -r /locks/requirements.lock \
 && find /opt/edgemesh -depth -type d -name tests -exec rm -r {} +

FROM tools AS wheels
COPY protos/pyproject.toml /src/protos/
COPY protos/edgemesh /src/protos/edgemesh
COPY mesh_service/pyproject.toml /src/mesh_service/
COPY mesh_service/src /src/mesh_service/src
COPY executor_ml/pyproject.toml /src/executor_ml/
COPY executor_ml/src /src/executor_ml/src
RUN for package in protos mesh_service executor_ml; do \
      (cd "/src/$package" && /tools/bin/python -m hatchling build -t wheel -d /wheels) || exit 1; \
    done

FROM tools AS rust
RUN apt-get update \
 && apt-get install -y --no-install-recommends cargo-web gcc libc6-dev rustc-web \
 && rm -rf /var/lib/apt/lists/*

FROM rust AS crate-made
COPY executor_ml/requirements-build.lock /locks/
RUN --mount=type=cache,target=/var/cache/pip \
    /tools/bin/pip install --require-hashes --only-binary :all: -r /locks/requirements-build.lock
COPY executor_ml/build.sh /src/executor_ml/
COPY executor_ml/crate /src/executor_ml/crate
RUN --mount=type=cache,target=/var/cache/cargo/registry \
    --mount=type=cache,target=/target,id=edgemesh-candle,sharing=locked \
    CARGO_TARGET_DIR=/target PATH="/tools/bin:$PATH" sh /src/executor_ml/build.sh /wheels

FROM tools AS crate-brought
COPY dist/images/ml/wheels /wheels

FROM crate-${BUILT} AS crate

FROM environment AS installed
COPY --from=crate /wheels /wheels
COPY --from=wheels /wheels /wheels
RUN /tools/bin/uv pip install --python /opt/edgemesh --link-mode copy --compile-bytecode \
      --offline --no-index --no-deps /wheels/*.whl

FROM runtime AS ml
COPY --from=installed /opt/edgemesh /opt/edgemesh
RUN install -d -o 65532 -g 65532 /models
ENV PATH=/opt/edgemesh/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    EDGEMESH_CACHE=/var/lib/edgemesh \
    EDGEMESH_LOG_FORMAT=json \
    EDGEMESH_ML_MODELS_DIR=/models \
    EDGEMESH_ML_HOST=0.0.0.0 \
    EDGEMESH_ML_PORT=50062 \
    EDGEMESH_ML_METRICS_PORT=9062
USER 65532:65532
WORKDIR /var/lib/edgemesh
EXPOSE 50062 9062
HEALTHCHECK --interval=3s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/opt/edgemesh/bin/python", "-I", "-m", "mesh_service.probe", "127.0.0.1:50062"]
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/edgemesh/bin/python", "-m", "edgemesh_executor_ml"]
ARG VERSION=0.1.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="edgemesh executor for Candle models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
