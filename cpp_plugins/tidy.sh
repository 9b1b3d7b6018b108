#!/usr/bin/env bash
# clang-tidy over the SDK, the plugins and the executor's host module, by .clang-tidy beside this
# file. Tests are left to the compilers' warnings: GoogleTest's macros would need exceptions.
#
#   tidy.sh [FILE...]   all, or these
#
# What was clean and has not changed is not looked at again (EDGEMESH_CACHE). The host module
# needs `python` with pybind11 on the PATH, and is skipped without it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
native=$(cd "$here/../executor_cpp/native" 2>/dev/null && pwd || true)
cache=${EDGEMESH_CACHE:-$HOME/.cache/edgemesh}/cpp
build=$cache/build/tidy-$(printf %s "$here" | sha256sum | cut -c1-12)
mkdir -p "$build" "$cache/tidy"

fail() {
    echo "tidy.sh: $*" >&2
    exit 1
}

command -v clang-tidy >/dev/null || fail "clang-tidy is missing: apt-get install clang-tidy"
command -v clang++ >/dev/null || fail "clang++ is missing: apt-get install clang"

# As clang compiles it, so that every flag is one that clang-tidy knows. Nothing is built.
generator=()
if [[ ! -f $build/CMakeCache.txt ]] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
cmake -S "$here" -B "$build" "${generator[@]}" -DCMAKE_C_COMPILER=clang \
    -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
    >"$build/configure.log" 2>&1 || { cat "$build/configure.log" >&2; fail "CMake failed"; }

includes=
if [[ -n $native ]]; then
    includes=$(python -m pybind11 --includes 2>/dev/null || true)
    [[ -n $includes ]] || echo "tidy.sh: skipped: the host module: python has no pybind11" >&2
fi

if (($#)); then
    files=("$@")
else
    mapfile -t files < <(
        find "$here" -name build -prune -o -name tests -prune -o -name fuzz -prune -o \
            -name template -prune -o -name '*.cpp' -print
        [[ -z $includes ]] || find "$native/src" -name '*.cpp'
    )
fi

# A file's key: itself, all headers (who knows which it includes), the rules and the program.
common=$({
    clang-tidy --version
    cat "$here/.clang-tidy"
    find "$here" ${native:+"$native"} -name '*.h' -o -name '*.hpp' | LC_ALL=C sort | xargs cat
} | sha256sum)

# one FILE
one() {
    local mark
    mark=$cache/tidy/$(printf '%s %s' "$common" "$(sha256sum <"$1")" | sha256sum | cut -c1-24)
    [[ -f $mark ]] && return
    local arguments=(--quiet -p "$build" "$1")
    if [[ -n $native && $1 == "$native"/* ]]; then
        # shellcheck disable=SC2206  # flags are words
        arguments=(--quiet --config-file="$here/.clang-tidy" "$1" -- -std=c++17
            -I "$here/sdk/include" ${includes//-I/-isystem })
    fi
    local said
    if ! said=$(clang-tidy "${arguments[@]}" 2>/dev/null); then
        printf '%s\n' "$said"
        return 1
    fi
    touch "$mark"
}
export -f one
export build cache common here native includes

printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one
