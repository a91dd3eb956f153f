#!/usr/bin/env bash
# Usage: tools/breaking.sh BUF
# Finds changes of the contracts that break programs built against them: compares proto/ with the commit where
# this branch left origin/main, else with the commit before. Says so and ends well where there is neither.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=$1

skip() { echo "breaking changes: not checked, $1"; exit 0; }
commit() { git rev-parse --quiet --verify "$1^{commit}" 2>/dev/null; }

command -v git >/dev/null || skip "there is no git"
head=$(commit HEAD) || skip "this is no git checkout"
base=$(git merge-base "$head" origin/main 2>/dev/null) || base=
if [[ -z $base || $base == "$head" ]]; then
  base=$(commit HEAD~1) || skip "there is no earlier commit here to compare with"
fi
git cat-file -e "$base:proto/buf.yaml" 2>/dev/null || skip "commit ${base:0:12} has no contracts"

work=$(mktemp -d "${TMPDIR:-/tmp}/seaport-breaking.XXXXXX")
trap 'rm -rf "$work"' EXIT
git archive "$base" proto | tar -x -C "$work"
"$buf" breaking proto --against "$work/proto"
echo "breaking changes: none since commit ${base:0:12}"
