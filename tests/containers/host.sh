#!/usr/bin/env bash
# Makes a Debian machine, as root, ready for `make test-containers`: podman, and a base image where none can be pulled.
# It may be run again; what is there already stays.
set -euo pipefail

base=${1:-docker.io/library/python:3.11-slim}

missing=()
for tool in podman runc debootstrap; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if ((${#missing[@]})); then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" catatonit netavark aardvark-dns
fi
if [[ ! -e /etc/containers/containers.conf ]]; then
  mkdir -p /etc/containers
  # crun, the default, refuses a machine with both versions of cgroups; and limits above the machine's own are refused.
  printf '[engine]\nruntime="runc"\n[containers]\ndefault_ulimits=["nofile=4096:4096","nproc=4096:4096"]\n' \
    >/etc/containers/containers.conf
fi
if ! podman image exists "$base" && ! podman pull --quiet "$base"; then
  echo "No registry can be reached: making a stand-in for $base out of Debian packages."
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates --exclude=e2fsprogs \
    bookworm "$root" >/dev/null
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/* \
    "$root"/usr/lib/python3.11/EXTERNALLY-MANAGED
  for name in python python3; do ln -sf /usr/bin/python3 "$root/usr/local/bin/$name"; done
  ln -sf /usr/bin/pip3 "$root/usr/local/bin/pip"
  tar -C "$root" -c . | podman import -c 'CMD ["python3"]' \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' - "$base"
fi
