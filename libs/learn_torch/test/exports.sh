#!/bin/sh
# Each engine module exports its one C entry. (Weak and unique symbols of the standard library's templates may remain.)
set -eu
for module in "$@"; do
  names=$(nm -D --defined-only "$module" | awk '$2 != "u" && $2 != "V" && $2 != "W" && $2 != "w" && $2 != "v" {print $3}')
  [ "$names" = aceso_engine_create ] || { echo "$module exports: $names"; exit 1; }
done
