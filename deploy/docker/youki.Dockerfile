# Youki, a runtime of containers, from its crate; its program is all that comes out:
#   docker build -f deploy/docker/youki.Dockerfile -o FOLDER deploy/docker
# Rules: its own lock decides what it is made of; the engine runs it on the machine, which needs
# libseccomp2. Without v1 it starts nothing where both hierarchies of control groups are mounted.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG VERSION=0.7.0
ENV CARGO_HOME=/var/cache/cargo CARGO_NET_RETRY=10
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates cargo-web gcc libc6-dev libseccomp-dev pkg-config rustc-web \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/var/cache/cargo/registry \
    --mount=type=cache,target=/target,id=youki,sharing=locked \
    CARGO_TARGET_DIR=/target cargo install youki --version "$VERSION" --locked --root /out \
      --no-default-features --features v1,v2,seccomp

FROM scratch
COPY --from=build /out/bin/youki /youki
