#!/usr/bin/env bash
# Generates what comes from the contracts in proto/: Go code beside them, the REST routes and the OpenAPI
# document in the gateway. With --check it changes nothing and fails if the checkout has anything else.
#
# It generates into a temporary copy: an error leaves the checkout as it was, and the file of a contract that
# is gone goes too.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is generated, and where; see proto/buf.gen.yaml.
rest=services/gateway/internal/rest
generated() {
  (cd "$1" && find proto $rest -name '*.pb.go' -o -name '*.pb.gw.go' -o -name openapi.swagger.json) | LC_ALL=C sort
}

work=$(mktemp -d "${TMPDIR:-/tmp}/seaport-generate.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/bin" "$work/$rest"
cp -R proto "$work/proto"
find "$work/proto" -name '*.pb.go' -delete
for plugin in protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway protoc-gen-openapiv2; do
  ln -s "$(bin/seaport tools path $plugin)" "$work/bin/$plugin"
done
buf=$(bin/seaport tools path buf)
(cd "$work/proto" && PATH="$work/bin:$PATH" "$buf" generate)

if [[ ${1:-} == --check ]]; then
  if ! diff <(generated .) <(generated "$work"); then
    echo "Generated files are missing (>) or left over (<): run make generate." >&2
    exit 1
  fi
  generated . | while read -r file; do
    diff -u "$file" "$work/$file" || { echo "$file is not what the contracts give: run make generate." >&2; exit 1; }
  done
  exit
fi

comm -23 <(generated .) <(generated "$work") | while read -r file; do rm "$file"; done
generated "$work" | while read -r file; do
  cmp -s "$work/$file" "$file" && continue
  mkdir -p "$(dirname "$file")"
  cp "$work/$file" "$file"
  echo "$file"
done
