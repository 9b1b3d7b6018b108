#!/bin/sh
# Builds the wheel of edgemesh_datapath into the folder $1. The Rust toolchain and maturin are on
# the PATH; CARGO_TARGET_DIR is kept between builds.
set -eu
out=$1
# Cargo reads .cargo/config.toml of the folder it runs in.
cd "$(dirname "$0")/datapath"
exec nice maturin build --release --locked --out "$out"
