#!/bin/sh
# Makes a plugin from the template: new_plugin.sh NAME [FOLDER]
# FOLDER (default: this one) gets a folder NAME, with an algorithm cpp.NAME and a test that passes.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
name=${1-} folder=${2-$here}

fail() {
    echo "make plugin: $*" >&2
    exit 1
}

[ -n "$name" ] || fail "give it a name: make plugin NAME=mine"
case $name in
    [!a-z]* | *[!a-z0-9_]*) fail "'$name' is no name: a-z first, then a-z 0-9 _" ;;
esac
[ "${#name}" -le 50 ] || fail "'$name' is no name: at most 50 characters"
[ "$name" != build ] || fail "'build' is no name: folders of that name are build output"
[ -d "$folder" ] || fail "no such folder: $folder"
[ ! -e "$folder/$name" ] || fail "$folder/$name is there already"
offered=$(grep -rlF --include='*.cpp' --exclude-dir=sdk "\"cpp.$name\"" "$here" 2>/dev/null | head -n 1)
[ -z "$offered" ] || fail "cpp.$name is offered already, by $offered"

made=$(mktemp -d "$folder/.new-plugin.XXXXXX")
trap 'rm -rf "$made"' EXIT
cp -R "$here/sdk/template/." "$made"
find "$made" -type f -exec sed -i "s/@NAME@/$name/g" {} +
chmod 755 "$made"
mv "$made" "$folder/$name"
trap - EXIT

echo "made $folder/$name: plugin.cpp is the algorithm cpp.$name"
echo "  make -C $folder/$name            builds, tests and installs it into this checkout's mesh"
echo "  make -C $folder/$name remove     takes it out again"
