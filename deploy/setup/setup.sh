#!/usr/bin/env bash
# Sets up what building and running fraudnet needs beside Rust and Python 3 with pip. Quick when all is there.
#   Debian packages: a C compiler (blake3). Listed before they are installed as root; elsewhere named, and stop.
#   ONNX Runtime: the shared library out of its PyPI wheel, pinned by version and sha256, into .deps/onnxruntime.
set -euo pipefail
cd "$(dirname "$0")/../.."

ONNXRUNTIME_VERSION=1.31.1
ONNXRUNTIME_SHA256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
ONNXRUNTIME_FOLDER=.deps/onnxruntime
ONNXRUNTIME_LIBRARY=$ONNXRUNTIME_FOLDER/libonnxruntime.so.$ONNXRUNTIME_VERSION

fail() { echo "setup: $*" >&2; exit 1; }

command -v cargo >/dev/null || fail "cargo was not found; install Rust 1.95 or newer (rustup), then run make again"
rust=$(rustc --version | sed -E 's/^rustc ([0-9]+)\.([0-9]+).*/\1 \2/')
read -r major minor <<<"$rust"
[ "$major" -gt 1 ] || [ "$minor" -ge 95 ] || fail "Rust 1.95 or newer is needed, this is $(rustc --version); run: rustup update stable"
command -v python3 >/dev/null || fail "python3 was not found; install Python 3 with pip, then run make again"

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
if [ ${#packages[@]} -gt 0 ]; then
  echo "setup: Debian packages needed: ${packages[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
  else
    fail "install them (as root: apt-get install ${packages[*]}), then run make again"
  fi
fi

if [ ! -s "$ONNXRUNTIME_LIBRARY" ]; then
  [ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "the pinned ONNX Runtime is for Linux x86_64, this is $(uname -sm); set FRAUDNET_ONNXRUNTIME to the shared library of ONNX Runtime 1.24 or newer"
  echo "setup: ONNX Runtime $ONNXRUNTIME_VERSION (20 MB wheel, about 10 s)"
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --dest "$temporary" "onnxruntime==$ONNXRUNTIME_VERSION" ||
    fail "pip could not download onnxruntime $ONNXRUNTIME_VERSION; check that pip reaches a package index"
  wheel=$(echo "$temporary"/*.whl)
  echo "$ONNXRUNTIME_SHA256  $wheel" | sha256sum --check --quiet ||
    fail "the onnxruntime wheel has another sha256 than the pinned one; nothing was installed"
  mkdir -p "$ONNXRUNTIME_FOLDER"
  python3 - "$wheel" "$ONNXRUNTIME_LIBRARY" <<'PY'
import os, sys, zipfile
wheel, library = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    content = archive.read("onnxruntime/capi/" + os.path.basename(library))
with open(library + ".part", "wb") as out:
    out.write(content)
os.rename(library + ".part", library)
PY
fi
