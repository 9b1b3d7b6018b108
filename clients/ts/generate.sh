#!/usr/bin/env bash
# Makes src/gen from the contracts and google.rpc's details of errors; `npm ci` comes before it.
#   OUT     where the code goes (default: src/gen)
#   --check compares with what is there instead, and fails on a difference
set -euo pipefail
cd "$(dirname "$0")"
check=${1:-}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
template='{"version": "v2", "plugins": [{"local": "node_modules/.bin/protoc-gen-es", "out": "'$made'",
  "opt": ["target=ts", "import_extension=js"], "include_imports": false}]}'

node_modules/.bin/buf generate ../../protos --template "$template" --path ../../protos/edgemesh/compute
node_modules/.bin/buf generate node_modules/google-proto-files --template "$template" \
  --path node_modules/google-proto-files/google/rpc/error_details.proto

if [ "$check" = --check ]; then
  diff -r "$made" src/gen || { echo 'src/gen is not what the contracts make: npm run generate' >&2; exit 1; }
else
  out=${OUT:-src/gen}
  rm -rf "$out"
  mkdir -p "$out"
  cp -r "$made"/. "$out"
fi
