#!/usr/bin/env bash
# Fails when a package that is used, directly or by another one, has a known hole of moderate severity or more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dotnet restore Microservices.sln
dotnet list Microservices.sln package --vulnerable --include-transitive --format json >/tmp/vulnerable.json
found=$(jq -r '
  [.projects[] | .path as $path | .frameworks[]? | (.topLevelPackages[]?, .transitivePackages[]?)
    | select([.vulnerabilities[]?.severity | ascii_downcase] | any(. != "low")) | "\(.id) \(.resolvedVersion): \([.vulnerabilities[].advisoryurl] | join(" "))"]
  | unique | .[]' /tmp/vulnerable.json)
for folder in bench/rivals/socketio tests/chart/tools; do
  npm audit --prefix "$folder" --package-lock-only --audit-level=moderate || found+=$'\n'"npm: $folder"
done
[[ -z $found ]] || { printf '%s\n' "$found" >&2; exit 1; }
