#!/usr/bin/env bash
# Plants each committed fault in a copy of the tree and expects the tests it names to go red.
#
#   tests/mutants/run.sh [name…]     all of them, or those whose file name holds one of these words
#
# A patch names its tests in lines `Caught by: <target> <filter>`, where target is an integration test (`core`, `system`, …) or `lib`
# for unit tests. Caught means: the patch applies, everything still builds, and at least one named test fails that passes without it.
# Works in .build/mutants (ignored), with a copy of the build there is, so that a fault never gets into anybody's target folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
copy=$root/.build/mutants/tree
log=$root/.build/mutants/output.log
export CARGO_TARGET_DIR=$root/.build/mutants/target
# Inside a repository `git apply` would pass over the copy, which is ignored there; this hides the repository from it.
export GIT_CEILING_DIRECTORIES=$root/.build/mutants
# The copy holds what is committed or about to be; the runtime's library is neither.
if [ -z "${FRAUDNET_ONNXRUNTIME:-}" ]; then
  FRAUDNET_ONNXRUNTIME=$(ls "$root"/.deps/onnxruntime/libonnxruntime.so* 2>/dev/null | sort -V | tail -1)
  export FRAUDNET_ONNXRUNTIME
fi
# Nor are Kafka's jars. A test that cannot start them must fail here: skipped, it would count as one that catches nothing.
export FRAUDNET_KAFKA=${FRAUDNET_KAFKA:-$root/.deps/kafka} FRAUDNET_REQUIRE_CLUSTER=1

patches=()
for patch in tests/mutants/*.patch; do
  name=$(basename "$patch" .patch)
  if [ $# = 0 ]; then patches+=("$name"); fi
  for word in "$@"; do case $name in *"$word"*) patches+=("$name") ;; esac; done
done
[ ${#patches[@]} -gt 0 ] || { echo "mutants: no patch of that name in tests/mutants" >&2; exit 2; }
echo "mutants: ${#patches[@]} faults, about a minute each after the first build (output in ${log#"$root"/})"

# Cargo goes by the times of files. On the first run they are kept, so that what is built already counts as built; later, whatever
# differs (an edit, or a fault that a run broken off left behind) is copied with the present time, so that it is built anew.
keep_times=
if [ ! -d "$CARGO_TARGET_DIR/debug" ]; then
  keep_times=--preserve=timestamps
  rm -rf "$copy" && mkdir -p "$CARGO_TARGET_DIR/debug"
  if [ -d "$root/target/debug/deps" ]; then
    for part in .fingerprint build deps; do cp -a "$root/target/debug/$part" "$CARGO_TARGET_DIR/debug/"; done
  fi
fi
mkdir -p "$copy" && : >"$log"
wanted=$(git ls-files --cached --others --exclude-standard | while IFS= read -r file; do if [ -f "$file" ]; then echo "$file"; fi; done | sort)
while IFS= read -r file; do
  if cmp --silent "$file" "$copy/$file"; then continue; fi
  mkdir -p "$copy/$(dirname "$file")" && cp --preserve=mode $keep_times "$file" "$copy/$file"
done <<<"$wanted"
(cd "$copy" && find . -type f | sed 's|^\./||' | sort | comm -23 - <(echo "$wanted") | while IFS= read -r file; do rm "$file"; done)
# Ignored as well, and no fault is planted in it: the console as it was built.
ln -sfn "$root/scoring/console/dist" "$copy/scoring/console/dist"
cd "$copy"

# Selects the same packages every time: other features would mean building every dependency again.
select_target() { if [ "$1" = lib ]; then echo "--lib"; else echo "--test $1"; fi; }

build() { # target: builds its tests, and the service where they start it
  if [ "$1" = system ]; then cargo build --quiet --workspace --bin fraudnet --test system >>"$log" 2>&1 || return 1; fi
  cargo test --quiet --workspace $(select_target "$1") --no-run >>"$log" 2>&1
}

passes() { # target filter: 0 where the tests of that name pass, 1 where one fails, 2 where there is none
  local output status=0
  output=$(cargo test --workspace --no-fail-fast $(select_target "$1") "$2" 2>&1) || status=$?
  echo "$output" >>"$log"
  if [ $status = 0 ]; then grep -qE '^test result: ok\. [1-9]' <<<"$output" && return 0 || return 2; fi
  grep -qE '^test result: FAILED' <<<"$output" && return 1 || return 2
}

tests_of() { sed -n 's/^Caught by: //p' "tests/mutants/$1.patch"; }

declare -A sound
bad=0
printf '%-26s %-92s %s\n' mutant 'caught by' ok
row() { printf '%-26s %-92s %s\n' "$1" "$2" "$3"; }

# Without a fault every named test must pass, or its failing would say nothing.
for name in "${patches[@]}"; do
  while read -r -u 3 target filter; do
    key="$target $filter"
    if [ -n "${sound[$key]:-}" ]; then continue; fi
    if build "$target" && passes "$target" "$filter"; then sound[$key]=yes; else sound[$key]=no; fi
  done 3< <(tests_of "$name")
done

for name in "${patches[@]}"; do
  patch=$root/tests/mutants/$name.patch
  if ! git apply --check "$patch" >>"$log" 2>&1; then row "$name" 'the patch no longer applies' no; bad=1; continue; fi
  git apply "$patch"
  caught=
  while read -r -u 3 target filter; do
    if [ "${sound[$target $filter]}" = no ]; then caught="$filter fails or is missing without the fault"; bad=1; break; fi
    if ! build "$target"; then caught='the fault does not build'; bad=1; break; fi
    result=0
    passes "$target" "$filter" || result=$?
    if [ $result = 1 ]; then caught="$target $filter"; break; fi
  done 3< <(tests_of "$name")
  git apply --reverse "$patch"
  case $caught in
    '') row "$name" 'nobody: the fault survived' no; bad=1 ;;
    *' without the fault' | 'the fault does not build') row "$name" "$caught" no ;;
    *) row "$name" "$caught" yes ;;
  esac
done
exit $bad
