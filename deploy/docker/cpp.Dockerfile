# executor_cpp: the plugins of cpp_plugins/, and those of a volume, /plugins.
# Rules: toolchains, pip and uv stay in build stages; the final one has the environment and what it
# runs. Stages that several images have are the same text, so that they are built once. What is
# installed from elsewhere is locked by hashes. Build it from the root of the checkout:
#   docker build -f deploy/docker/cpp.Dockerfile .
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
COPY executor_cpp/requirements.lock /locks/
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
COPY executor_cpp/pyproject.toml /src/executor_cpp/
COPY executor_cpp/src /src/executor_cpp/src
RUN for package in protos mesh_service executor_cpp; do \
      (cd "/src/$package" && /tools/bin/python -m hatchling build -t wheel -d /wheels) || exit 1; \
    done

FROM tools AS compiler
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ libboost-math-dev libeigen3-dev libfftw3-dev \
      libhwy-dev libjpeg62-turbo-dev liblapacke-dev libnanoflann-dev libopenblas-dev \
      libopencv-core-dev libopencv-imgproc-dev libpng-dev libqhull-dev libre2-dev ninja-build \
      nlohmann-json3-dev python3-dev \
 && rm -rf /var/lib/apt/lists/*

FROM compiler AS plugins-made
COPY cpp_plugins /src/cpp_plugins
RUN --mount=type=cache,target=/cache,id=edgemesh-plugins,sharing=locked \
    EDGEMESH_CACHE=/cache bash /src/cpp_plugins/build.sh --prefix /opt/plugins

FROM compiler AS plugins-brought
COPY dist/images/cpp/plugins /opt/plugins/plugins

FROM plugins-${BUILT} AS plugins

FROM compiler AS host-made
COPY executor_cpp/requirements-build.lock /locks/
RUN --mount=type=cache,target=/var/cache/pip \
    /tools/bin/pip install --require-hashes --only-binary :all: -r /locks/requirements-build.lock
COPY cpp_plugins/sdk /src/cpp_plugins/sdk
COPY executor_cpp/native /src/executor_cpp/native
RUN PATH="/tools/bin:$PATH" python -m build --wheel --no-isolation --outdir /wheels /src/executor_cpp/native

FROM tools AS host-brought
COPY dist/images/cpp/wheels /wheels

FROM host-${BUILT} AS host

FROM environment AS installed
COPY --from=host /wheels /wheels
COPY --from=wheels /wheels /wheels
RUN /tools/bin/uv pip install --python /opt/edgemesh --link-mode copy --compile-bytecode \
      --offline --no-index --no-deps /wheels/*.whl

# What plugins are linked to, or have compiled in, and the last stage's packages do not bring, each with its licence, or that
# of another package of its source (a slim base drops links in /usr/share/doc), where the base keeps
# any. The packages themselves would bring far more: OpenCV's all of Mesa.
FROM plugins AS libraries
RUN set -e; mkdir -p /libraries/lib /libraries/doc; \
    for file in $(ldd /opt/plugins/plugins/*.so | awk '/=> \// {print $3}' | sort -u); do \
      package=$(dpkg -S "*/$(basename "$(realpath "$file")")" | head -n 1 | cut -d: -f1); \
      case "$package" in \
        libc6|libgcc-s1|libstdc++6|zlib1g|libopenblas0-pthread|libgfortran5|libgomp1|libquadmath0) continue ;; \
      esac; \
      cp -L "$file" /libraries/lib/; \
      dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' "$package" >>/libraries/lib/packages; \
      for each in "$package" $(dpkg-query -W -f '${source:Package} ${Package}\n' \
          | awk -v s="$(dpkg-query -W -f '${source:Package}' "$package")" '$1 == s {print $2}'); do \
        notice=/usr/share/doc/$each/copyright; \
        [ ! -f "$notice" ] || { install -D -m 0644 "$notice" "/libraries/doc/$package/copyright"; break; }; \
      done; \
    done; \
    for package in libboost1.74-dev libeigen3-dev libnanoflann-dev nlohmann-json3-dev; do \
      notice=/usr/share/doc/$package/copyright; \
      [ ! -f "$notice" ] || install -D -m 0644 "$notice" "/libraries/doc/$package/copyright"; \
    done

FROM runtime AS cpp
RUN apt-get update \
 && apt-get install -y --no-install-recommends libopenblas0-pthread zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/* \
 && install -d -o 65532 -g 65532 /plugins
COPY --from=libraries /libraries/lib /usr/local/lib
COPY --from=libraries /libraries/doc /usr/share/doc
COPY --from=plugins /opt/plugins/plugins /opt/plugins
RUN ldconfig && ! ldd /opt/plugins/*.so | grep 'not found'
COPY --from=installed /opt/edgemesh /opt/edgemesh
ENV PATH=/opt/edgemesh/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    EDGEMESH_CACHE=/var/lib/edgemesh \
    EDGEMESH_LOG_FORMAT=json \
    EDGEMESH_CPP_PLUGINS_DIR=/opt/plugins:/plugins \
    EDGEMESH_CPP_HOST=0.0.0.0 \
    EDGEMESH_CPP_PORT=50061 \
    EDGEMESH_CPP_METRICS_PORT=9061
USER 65532:65532
WORKDIR /var/lib/edgemesh
EXPOSE 50061 9061
HEALTHCHECK --interval=3s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/opt/edgemesh/bin/python", "-I", "-m", "mesh_service.probe", "127.0.0.1:50061"]
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/edgemesh/bin/python", "-m", "edgemesh_executor_cpp"]
ARG VERSION=0.1.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="edgemesh executor for C++ plugins" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
