#!/usr/bin/env bash
# Builds the plugins and prints, as the last line of stdout, the prefix that holds them:
# <prefix>/plugins/*.so with their manifests (*.json), and the SDK in <prefix>/include,
# <prefix>/lib/cmake and <prefix>/bin.
#
#   build.sh [--testing] [--prefix FOLDER]
#   build.sh --test
#   build.sh --fuzz [SECONDS]
#
#   --testing        also <prefix>/testing-plugins/*.so, which misbehave on demand
#   --prefix FOLDER  copy them there; otherwise they are only in the cache, in a folder named for
#                    the sources' content, where a second run finds everything done
#   --test           run the C++ tests, under AddressSanitizer and UndefinedBehaviorSanitizer
#   --fuzz           run each fuzz target of sdk/fuzz for 60 seconds, or SECONDS, all at once, with
#                    clang's libFuzzer; skipped where clang is absent, but not in CI
#
# EDGEMESH_CACHE (default: ~/.cache/edgemesh), CXX, CXXFLAGS, CMAKE_BUILD_PARALLEL_LEVEL are heeded.
# What ccache, where it is there, has compiled once is not compiled again, in another checkout either.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testing=OFF test=no fuzz=0 prefix=
while (($#)); do
    case $1 in
        --testing) testing=ON ;;
        --test) test=yes ;;
        --fuzz)
            fuzz=60
            if [[ ${2-} =~ ^[0-9]+$ ]]; then fuzz=$2; shift; fi
            ;;
        --prefix) prefix=${2:?--prefix needs a folder}; shift ;;
        *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift
done

cache=${EDGEMESH_CACHE:-$HOME/.cache/edgemesh}/cpp
CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
export CMAKE_BUILD_PARALLEL_LEVEL

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

# needs PACKAGE HEADER...
needs() {
    local package=$1 header
    shift
    for header; do
        # shellcheck disable=SC2086  # flags are words
        echo "#include <$header>" | ${CXX:-c++} ${CXXFLAGS:-} -std=c++17 -E -x c++ - \
            >/dev/null 2>&1 || fail "$header is missing: apt-get install $package"
    done
}

# A hash of the sources' names and contents, the compiler and the system. Where the checkout lies
# is not in it.
content_key() {
    {
        echo "testing=$testing ${CXXFLAGS:-}"
        ${CXX:-c++} --version | head -n1
        uname -m
        grep -E '^(ID|VERSION_ID)=' /etc/os-release || true
        cd "$here"
        find . \( -name build -o -name tests \) -prune -o -type f ! -name '*.md' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum | cut -c1-16
}

# What a folder was published with, and the sums that it must still have.
manifest=edgemesh_plugins.sha256

# whole FOLDER: it was published, and nothing in it has changed.
whole() {
    [[ -f $1/$manifest ]] && (cd "$1" && sha256sum --check --status "$manifest" 2>/dev/null)
}

# configure BUILD ARGUMENT...: CMake of this folder, or of $part in it, anew if the build folder is
# another's or broken.
configure() {
    local build=$1
    shift
    local command=(cmake -S "$cache/sources${part:+/$part}" -B "$build" "$@")
    if command -v ccache >/dev/null; then
        command+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    if [[ ! -f $build/CMakeCache.txt ]] && command -v ninja >/dev/null; then
        command+=(-G Ninja)
    fi
    "${command[@]}" >"$build.log" 2>&1 && return
    rm -rf "$build"
    "${command[@]}" >"$build.log" 2>&1 || { cat "$build.log" >&2; fail "CMake failed"; }
}

# publish FRESH TARGET: whole or not at all.
publish() {
    (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >"$1.sums")
    mv "$1.sums" "$1/$manifest"
    chmod 755 "$1"
    sync -f "$1"
    rm -rf "$2"
    mv -T "$1" "$2"
}

# Of the paths on stdin.
libraries_first() {
    awk '/\.so$/ { print; next } { others = others $0 "\n" } END { printf "%s", others }'
}

# copy FROM TO: file by file, each by a rename, since a worker may have one mapped; libraries before
# their manifests, which say that they are in place (sdk/cmake/install_plugin.cmake). What an
# earlier copy brought and this one does not is removed, libraries first; what others have put
# there stays.
copy() {
    local file
    mkdir -p "$2"
    if [[ -f $2/$manifest ]]; then
        comm -23 <(cut -c67- "$2/$manifest" | sort) <(cut -c67- "$1/$manifest" | sort) |
            libraries_first | while read -r file; do rm -f "$2/$file"; done
    fi
    (cd "$1" && find . -type f -print) | libraries_first | while read -r file; do
        cmp -s "$1/$file" "$2/$file" && continue
        mkdir -p "$2/$(dirname "$file")"
        cp -p "$1/$file" "$2/$file.new"
        mv -f "$2/$file.new" "$2/$file"
    done
}

command -v "${CXX:-c++}" >/dev/null || fail "a C++ compiler is missing: apt-get install g++"
command -v cmake >/dev/null || fail "cmake is missing: apt-get install cmake"
needs libboost-math-dev boost/math/special_functions/bessel.hpp
needs libeigen3-dev eigen3/Eigen/Core
needs libfftw3-dev fftw3.h
needs libopenblas-dev cblas.h
needs liblapacke-dev lapack.h
needs libhwy-dev hwy/contrib/sort/vqsort.h
needs libjpeg62-turbo-dev jpeglib.h
needs libopencv-imgproc-dev opencv4/opencv2/imgproc/hal/interface.h
needs libpng-dev png.h
needs libnanoflann-dev nanoflann.hpp
needs libqhull-dev libqhull_r/libqhull_r.h
needs libre2-dev re2/re2.h
needs nlohmann-json3-dev nlohmann/json.hpp

mkdir -p "$cache/build"
exec 9>"$cache/lock" # one build at a time for each cache
flock 9
checkout=$(printf %s "$here" | sha256sum | cut -c1-12)
# One name for the sources of every checkout: it is in what the compiler is told, and so in what
# ccache compares. The build folders are each checkout's own, since Make and Ninja compare times.
ln -sfn "$here" "$cache/sources"
export CCACHE_DIR=$cache/ccache CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=2G

if [[ $test == yes ]]; then
    needs libgtest-dev gtest/gtest.h
    build=$cache/build/tests-$checkout
    configure "$build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-g1 -DBUILD_TESTING=ON \
        -DEDGEMESH_SANITIZE=ON
    cmake --build "$build" >&2
    UBSAN_OPTIONS=print_stacktrace=1 ctest --test-dir "$build" --output-on-failure \
        --parallel "$CMAKE_BUILD_PARALLEL_LEVEL" >&2
    exit
fi

# fuzz_all BUILD: the targets side by side; each fails on a crash, a leak, or a hang of a minute.
fuzz_all() {
    local target pids=() status=0
    for target in tensors strided parameters description; do
        mkdir -p "$1/found/$target"
        # What it finds is kept in the first folder, for the next run; the second is checked in.
        "$1/fuzz_$target" -max_total_time="$fuzz" -timeout=60 -rss_limit_mb=2048 -max_len=4096 \
            -print_final_stats=1 -verbosity=0 -artifact_prefix="$1/$target-" \
            "$1/found/$target" "$here/sdk/fuzz/corpus/$target" >"$1/$target.log" 2>&1 &
        pids+=("$!:$target")
    done
    for target in "${pids[@]}"; do
        if wait "${target%%:*}"; then
            echo "fuzz ${target#*:}: $(grep -o 'number_of_executed_units.*' "$1/${target#*:}.log")"
        else
            cat "$1/${target#*:}.log"
            status=1
        fi
    done >&2
    return "$status"
}

if ((fuzz)); then
    clang=$(command -v clang++ || true)
    if [[ -z $clang ]]; then
        [[ -z ${CI-} ]] || fail "clang++ is missing: apt-get install clang"
        echo "build.sh: skipped: clang++ is missing: apt-get install clang" >&2
        exit
    fi
    build=$cache/build/fuzz-$checkout
    part=sdk/fuzz configure "$build" -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang%++}"
    cmake --build "$build" >&2
    fuzz_all "$build"
    exit
fi

built=$cache/plugins-$(content_key)
if ! whole "$built"; then
    build=$cache/build/plugins-$checkout
    configure "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
        -DEDGEMESH_TESTING_PLUGINS=$testing
    cmake --build "$build" >&2
    fresh=$(mktemp -d "$cache/fresh.XXXXXX")
    trap 'rm -rf "$fresh" "$fresh.sums"' EXIT
    cmake --install "$build" --prefix "$fresh" --strip >/dev/null
    publish "$fresh" "$built"
fi
if [[ -n $prefix ]]; then copy "$built" "$prefix"; fi
echo "${prefix:-$built}"
