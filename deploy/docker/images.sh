#!/bin/bash
# Builds images, one after another, and prints what each is and how large.
#
#   images.sh [NAME…]      gateway, cpp, ml, pywasm; default: all
#
# EDGEMESH_BASE, EDGEMESH_CPU and EDGEMESH_TAG are heeded as in .env.example. BUILT=brought takes
# crates, plugins and the sandbox's images from dist/images (`make brought` puts them there) instead
# of making them, for tests of images in minutes; what is published is made from nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DOCKER_BUILDKIT=1

declare -A most=([gateway]=150 [cpp]=250 [ml]=250 [pywasm]=800)
names=("$@")
((${#names[@]})) || names=(gateway cpp ml pywasm)
commit=$(git rev-parse HEAD 2>/dev/null || echo unknown)
tag=${EDGEMESH_TAG:-latest}

rows=()
for name in "${names[@]}"; do
  [ -n "${most[$name]-}" ] || { echo "images.sh: one of ${!most[*]}, not $name" >&2; exit 2; }
  began=$SECONDS
  args=()
  [ "$name" != pywasm ] || args=(--build-arg "CPU=${EDGEMESH_CPU:-x86-64-v3}")
  docker build --quiet --file "deploy/docker/$name.Dockerfile" --tag "edgemesh-$name:$tag" \
    --build-arg "BASE=${EDGEMESH_BASE:-debian:bookworm-slim}" --build-arg "COMMIT=$commit" \
    --build-arg "BUILT=${BUILT:-made}" \
    "${args[@]}" . >/dev/null
  bytes=$(docker image inspect --format '{{.Size}}' "edgemesh-$name:$tag")
  rows+=("$(printf '%-18s %6d %6d %6d' "edgemesh-$name" $((bytes / 1000000)) "${most[$name]}" $((SECONDS - began)))")
done
printf '%-18s %6s %6s %6s\n' image MB goal s
printf '%s\n' "${rows[@]}"
