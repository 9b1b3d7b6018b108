#!/usr/bin/env bash
# clang-tidy over the SDK, the plugins and the executor's host module, by .clang-tidy beside this
# file. Tests are left to the compilers' warnings: GoogleTest's macros would need exceptions.
#
#   tidy.sh [FILE...]   all, or these
#
# What was clean, and whose headers have not changed either, is not looked at again
# (EDGEMESH_CACHE). Needs clang-tidy 22 or newer, in $LINT_TOOLS or on the PATH, and for the
# host module a `python` with pybind11: `make lint ONLY="cpp clang-tidy"` has both.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
native=$root/executor_cpp/native
cache=${EDGEMESH_CACHE:-$HOME/.cache/edgemesh}/cpp
build=$cache/build/tidy-$(printf %s "$here" | sha256sum | cut -c1-12)
clean=$cache/tidy
tidy=${LINT_TOOLS:+$LINT_TOOLS/}clang-tidy
mkdir -p "$build" "$clean"

fail() {
    echo "tidy.sh: $*" >&2
    exit 1
}

command -v "$tidy" >/dev/null || fail "clang-tidy is missing: make lint ONLY='cpp clang-tidy'"
includes=$(python -m pybind11 --includes 2>/dev/null) ||
    fail "pybind11 is missing: make lint ONLY='cpp clang-tidy'"

# Flags as the compiler gets them. Nothing is built.
generator=()
if [[ ! -f $build/CMakeCache.txt ]] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
cmake -S "$here" -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
    >"$build/configure.log" 2>&1 || { cat "$build/configure.log" >&2; fail "CMake failed"; }

if (($#)); then
    files=("$@")
else
    mapfile -t files < <(
        find "$here" "$native/src" -name build -prune -o -name tests -prune -o -name fuzz -prune \
            -o -name template -prune -o -name '*.cpp' -print
    )
fi

rules=$({ "$tidy" --version; cat "$here/.clang-tidy"; } | sha256sum | cut -c1-12)

# one FILE. A record of what was clean: the sums of the file and of all headers of ours that it
# includes, by paths in the checkout, so that every checkout of this machine may use it.
one() {
    local file record arguments said
    file=$(realpath "$1")
    record=$clean/$rules-$(tr / - <<<"${file#"$root/"}")-$(sha256sum <"$file" | cut -c1-12)
    cd "$root"
    if sha256sum --check --status "$record" 2>/dev/null; then return; fi
    # -MG: what is not found is a library's. Before the look: what changes meanwhile is looked at anew.
    c++ -std=c++17 -MM -MG -I "$here/sdk/include" "$file" | tr -d '\\' | tr -s ' ' '\n' |
        { grep "^$root/" || true; } | xargs realpath --relative-to="$root" | LC_ALL=C sort -u |
        xargs sha256sum >"$record.$$"
    # What clang does not know, and what of libstdc++ a clang that is newer calls deprecated.
    arguments=(-p "$build" --removed-arg=-fno-gnu-unique
        --extra-arg=-Wno-deprecated-declarations "$file")
    if [[ $file == "$native"/* ]]; then
        # shellcheck disable=SC2206  # flags are words
        arguments=(--config-file="$here/.clang-tidy" "$file" -- -std=c++17
            -I "$here/sdk/include" ${includes//-I/-isystem })
    fi
    if ! said=$("$tidy" --quiet "${arguments[@]}" 2>&1); then
        printf '%s\n' "$said"
        rm "$record.$$"
        return 1
    fi
    mv "$record.$$" "$record"
}
export -f one
export build clean rules here root native includes tidy

printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -euo pipefail -c 'one "$1"' one
