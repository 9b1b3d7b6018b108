#!/bin/sh
# Finds Python 3.11 or newer, makes the tools environment (uv, pinned by hash in tools.lock) and
# hands over to edgemesh_local in it. Needs a shell and what this says when it is missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
EDGEMESH_CACHE=${EDGEMESH_CACHE:-$HOME/.cache/edgemesh}
export EDGEMESH_CACHE
unset PYTHONPATH PYTHONHOME

digest() { { sha256sum 2>/dev/null || shasum -a 256; } | cut -c 1-24; }
tools=$EDGEMESH_CACHE/tools/uv-$(digest <"$here/tools.lock")

usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if usable "$candidate"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

install_python() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "... installing python3 and python3-venv" >&2
    { apt-get -o DPkg::Lock::Timeout=300 update &&
      DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
        --no-install-recommends ca-certificates python3 python3-venv; } >&2
  else
    echo "Python 3.11 or newer with venv is needed; as root, run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends python3 python3-venv" >&2
    return 1
  fi
}

make_tools() {
  python=$(find_python) || { install_python && python=$(find_python); } || exit 1
  echo "... tools of deploy/local/tools.lock" >&2
  mkdir -p "$EDGEMESH_CACHE/tools"
  making=$(mktemp -d "$EDGEMESH_CACHE/tools/making-XXXXXX")
  trap 'rm -rf "$making"' EXIT
  trap 'exit 130' INT TERM
  "$python" -m venv "$making"
  "$making/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    --only-binary :all: -r "$here/tools.lock"
  "$making/bin/uv" --version >/dev/null
  rm -rf "$tools"
  mv "$making" "$tools"
  trap - EXIT INT TERM
}

# The interpreter is a link, which an upgrade of the system may have broken.
if ! [ -x "$tools/bin/python" ] || ! [ -x "$tools/bin/uv" ]; then make_tools; fi
exec "$tools/bin/python" "$here/edgemesh_local" "$@"
