#!/bin/sh
# Builds words.wasm with any Rust that has the target, as one that rustup has added it to:
#   rustup target add wasm32-wasip1 && ./build.sh
# The checked-in words.wasm was made by Debian 12's Rust 1.63, where the target is still called
# wasm32-wasi: packages rustc, libstd-rust-dev-wasm32 and lld-14, and
#   TARGET=wasm32-wasi LINKER=rust-lld ./build.sh
set -eu
cd "$(dirname "$0")"
${RUSTC:-rustc} --edition 2021 --target "${TARGET:-wasm32-wasip1}" ${LINKER:+-C linker="$LINKER"} \
    ${SYSROOT:+--sysroot "$SYSROOT"} \
    -C opt-level=z -C codegen-units=1 -C lto=fat -C panic=abort -C strip=symbols \
    -o words.wasm words.rs
