#!/bin/bash
# Tests of the images and of compose.yaml, from nothing: an engine of its own, the base image where
# no registry is at hand, all images, and the suite in tests/. Root, on Debian 12.
#
#   test.sh [ARGUMENT OF PYTEST…]
#
# COMPOSE is the program of Compose, where it is not docker-compose; MODELS the folder of models.
# BUILT=brought and SKIP_BUILD=1 shorten the building: see images.sh.
# EDGEMESH_IMAGES_FOLDER is where the engine keeps its data; where a DOCKER_HOST is given, that
# engine is used as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${EDGEMESH_CACHE:-$HOME/.cache/edgemesh}

if [ -z "${DOCKER_HOST-}" ]; then
  missing=()
  for each in dockerd:docker.io docker-compose:docker-compose debootstrap:debootstrap \
    iptables:iptables crun:crun; do
    [ -x "/usr/bin/${each%%:*}" ] || [ -x "/usr/sbin/${each%%:*}" ] || missing+=("${each#*:}")
  done
  if ((${#missing[@]})); then
    apt-get update
    apt-get install -y --no-install-recommends "${missing[@]}"
  fi
  exec "$here/engine.sh" "${EDGEMESH_IMAGES_FOLDER:-$cache/images-engine}" "$here/test.sh" "$@"
fi

docker image inspect "${EDGEMESH_BASE:-debian:bookworm-slim}" >/dev/null 2>&1 || "$here/base.sh"
# shellcheck disable=SC2046  # names are words
[ -n "${SKIP_BUILD-}" ] || "$here/images.sh" gateway $(tr , ' ' <<<"${EXECUTORS:-cpp,ml,pywasm}")

tools=$(echo "$cache"/tools/uv-*/bin)
python=$here/tests/.venv/bin/python
if ! [ -x "$python" ]; then "${tools%% *}/uv" venv --quiet --python /usr/bin/python3 "$here/tests/.venv"; fi
"${tools%% *}/uv" pip sync --quiet --python "$python" --require-hashes "$here/tests/requirements.lock"

# Those of the manager that want an engine, where `make test` has made their environment.
manager=$(dirname "$here")/containers
failed=0
if (($# == 0)) && [ -x "$manager/.venv/bin/python" ]; then
  (cd "$manager" && .venv/bin/python -m pytest -q -rs -p no:cacheprovider -m engine tests) || failed=1
fi

cd "$here/tests"
PYTHONPATH=$here/../../protos MODELS=${MODELS:-$cache/models} \
  "$python" -m pytest -q -rA -p no:cacheprovider --timeout 600 "$@"
exit "$failed"
