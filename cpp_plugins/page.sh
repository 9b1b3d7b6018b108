#!/usr/bin/env bash
# Writes ALGORITHMS.md, the page of all algorithms, from the plugins as they are built now.
#
#   page.sh [--check]   --check: only fails if it would change
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
built=$("$here/build.sh" --testing | tail -n 1)
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
"$built/bin/edgemesh-plugin" page "$built/plugins" >"$fresh"
if [[ ${1-} == --check ]]; then
    diff -u "$here/ALGORITHMS.md" "$fresh" && exit
    echo "ALGORITHMS.md is not what the plugins say: run cpp_plugins/page.sh" >&2
    exit 1
fi
cat "$fresh" >"$here/ALGORITHMS.md"
