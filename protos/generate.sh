#!/usr/bin/env bash
# Makes the Python and Go stubs from the contracts. `make protos` runs it with the tools it needs:
#   PYTHON  a Python with generate.lock installed (default: python3)
#   OUT     where the stubs go (default: this folder); CI makes them elsewhere and compares
# Generated with the oldest grpcio and protobuf that pyproject.toml allows: stubs refuse to load
# with older ones than made them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
out=${OUT:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$here"
mapfile -t contracts < <(find edgemesh -name '*.proto' | sort)

mkdir -p "$out/go"
bin=$(dirname "$("$python" -c 'import sys; print(sys.executable)')")
"$python" -m grpc_tools.protoc -I . --plugin=protoc-gen-mypy="$bin/protoc-gen-mypy" \
  --plugin=protoc-gen-mypy_grpc="$bin/protoc-gen-mypy_grpc" \
  --python_out="$out" --grpc_python_out="$out" \
  --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out" "${contracts[@]}"
find "$out/edgemesh" -name '*_pb2_grpc.py*' | while read -r stub; do
  # A contract without a service needs no gRPC stub.
  contract=${stub#"$out"/}
  contract=$here/${contract%_pb2_grpc.py*}.proto
  grep -q '^service ' "$contract" || rm "$stub"
done

(cd go && go build -o "$work/" google.golang.org/protobuf/cmd/protoc-gen-go \
  google.golang.org/grpc/cmd/protoc-gen-go-grpc)
PATH="$work:$PATH" "$python" -m grpc_tools.protoc -I . \
  --go_out="$out/go" --go_opt=module=github.com/edgemesh/edgemesh/protos/go \
  --go-grpc_out="$out/go" --go-grpc_opt=module=github.com/edgemesh/edgemesh/protos/go \
  "${contracts[@]}"
