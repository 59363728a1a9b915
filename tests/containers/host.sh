#!/usr/bin/env bash
# Makes a Debian machine, as root, ready for `make test-containers`: podman, and a base image where none can be pulled.
# It may be run again; what is there already stays. Exit status 69, with the reason: this machine runs no containers.
set -euo pipefail

base=${1:-docker.io/library/python:3.11-slim}

unable() {
  echo "This machine runs no containers: $1." >&2
  exit 69
}

[[ $(id -u) == 0 ]] || unable "it takes root"

declare -A packages=(
  [podman]=podman [runc]=runc [mmdebstrap]=mmdebstrap [catatonit]=catatonit
  [/usr/lib/podman/netavark]=netavark [/usr/lib/podman/aardvark-dns]=aardvark-dns
)
missing=()
for part in "${!packages[@]}"; do
  command -v "$part" >/dev/null || missing+=("${packages[$part]}")
done
if ((${#missing[@]})); then
  command -v apt-get >/dev/null || unable "there is neither podman nor apt-get"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
    || unable "${missing[*]} cannot be installed"
fi
if [[ ! -e /etc/containers/containers.conf ]]; then
  mkdir -p /etc/containers
  # crun, the default, refuses a machine with both versions of cgroups; limits above the machine's own are refused; and
  # of the two kinds of networks only netavark's know containers by their names.
  printf '%s\n' '[engine]' 'runtime="runc"' '[network]' 'network_backend="netavark"' \
    '[containers]' 'default_ulimits=["nofile=4096:4096","nproc=4096:4096"]' >/etc/containers/containers.conf
fi
podman info >/dev/null || unable "podman does not start"

if ! podman image exists "$base" && ! podman pull --quiet "$base"; then
  echo "No registry can be reached: making a stand-in for $base out of Debian packages."
  links='for name in python python3; do ln -sf /usr/bin/python3 "$1/usr/local/bin/$name"; done
    ln -sf /usr/bin/pip3 "$1/usr/local/bin/pip"
    rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED'
  mmdebstrap --quiet --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --customize-hook="sh -ec '$links' links \"\$1\"" \
    bookworm - \
    | podman import --quiet -c 'CMD ["python3"]' \
      -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' - "$base" \
    || unable "no base image can be had"
fi
# Once as the tests will, with their limits.
podman run --rm --read-only --cap-drop=ALL --memory=64m --memory-swap=64m --pids-limit=16 "$base" true \
  || unable "podman cannot start a container"
