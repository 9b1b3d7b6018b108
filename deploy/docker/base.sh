#!/bin/bash
# Makes debian:bookworm-slim where no registry of images is at hand: a Debian of the machine's own
# mirror, without documentation, with what the machine knows of mirrors, indices and certificates.
# For tests; what is published is built on the real one.
set -euo pipefail

tag=debian:bookworm-slim
if [ "${1-}" != --again ] && docker image inspect "$tag" >/dev/null 2>&1; then exit; fi

sources=/etc/apt/sources.list.d/debian.sources
mirror=$(sed -n 's/^URIs:[[:space:]]*//p' "$sources" | head -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/log" ||
  { tail -n 20 "$work/log" >&2; exit 1; }

rm -f "$root/etc/apt/sources.list"
for path in "$sources" /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
  [ -e "$path" ] || continue
  mkdir -p "$root$(dirname "$path")"
  cp -R "$path" "$root$(dirname "$path")/"
done
mkdir -p "$root/etc/uv"
echo 'native-tls = true' >"$root/etc/uv/uv.toml"

# Licences stay, as in Debian's own slim image.
find "$root/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete
find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
slim=(/usr/share/man /usr/share/info /usr/share/locale)
for path in "${slim[@]}"; do
  echo "path-exclude $path/*"
  rm -rf "${root:?}$path"/*
done >"$root/etc/dpkg/dpkg.cfg.d/slim"
printf 'path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n' \
  >>"$root/etc/dpkg/dpkg.cfg.d/slim"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # services do not start in it
chmod 755 "$root/usr/sbin/policy-rc.d"

tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$tag" >/dev/null
