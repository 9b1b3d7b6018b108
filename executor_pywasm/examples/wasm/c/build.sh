#!/bin/sh
# Builds fft.wasm with clang's wasm32-wasi of the package ziglang (pip install ziglang==0.15.1).
set -eu
cd "$(dirname "$0")"
${PYTHON:-python3} -m ziglang cc --target=wasm32-wasi -mexec-model=reactor -O2 -msimd128 -flto \
    -Wl,--strip-all -o fft.wasm fft.c
