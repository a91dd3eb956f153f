#!/usr/bin/env bash
# Usage: tools/bench.sh [argument of seaport bench]…
# Measures a platform that is started for it, with data that is thrown away, and stops it.
# SEAPORT_UP holds further arguments of seaport up, such as "--profile redis --replicas consignment=2".
set -euo pipefail
cd "$(dirname "$0")/.."

data=$(mktemp -d "${TMPDIR:-/tmp}/seaport-bench.XXXXXX")
export SEAPORT_CONFIG=$data/config # whoever is logged in stays so
unset SEAPORT_TOKEN
platform=
finish() {
  if [[ -n $platform ]]; then
    kill -TERM "$platform" 2>/dev/null || true
    wait "$platform" || true
  fi
  rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What is missing is built before anything is waited for.
bin/seaport tools build daprd placement scheduler nats-server
echo "starting a platform in $data"
# shellcheck disable=SC2086  # SEAPORT_UP is a list of words
bin/seaport up --data "$data" --port 0 ${SEAPORT_UP:-} >"$data/up.log" 2>&1 &
platform=$!
until grep -q '"state": "ready"' "$data/run.json" 2>/dev/null; do
  if ! kill -0 "$platform" 2>/dev/null; then
    cat "$data/up.log" >&2
    echo "the platform did not start" >&2
    exit 1
  fi
  sleep 0.2
done
url=$(sed -n 's/^  "url": "\(.*\)",$/\1/p' "$data/run.json")
# A bench needs an operator. A platform without log-in ("--insecure") has no users.
if [[ -f $data/users.json ]]; then
  tr -d '\n' <"$data/users.json" | tr '}' '\n' | grep '"role": *"operator"' | sed 's/.*"password": *"\([^"]*\)".*/\1/' |
    bin/seaport login --server "$url" --email operator@seaport.example >/dev/null
fi
bin/seaport bench --server "$url" "$@"
