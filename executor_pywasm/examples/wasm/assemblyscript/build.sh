#!/bin/sh
# Builds sieve.wasm with AssemblyScript's compiler, which npx fetches.
set -eu
cd "$(dirname "$0")"
npx --yes --package assemblyscript@0.28.20 asc sieve.ts --outFile sieve.wasm -O3 --noColors
