#!/usr/bin/env bash
# TAG is vX.Y.Z: the chart's version and the product's are X.Y.Z, else nothing is released. Writes version=X.Y.Z for the steps after it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=${TAG#v}
for key in version appVersion; do
  said=$(sed -n "s/^$key: //p" deploy/helm/tertulia/Chart.yaml)
  [[ $said == "$version" ]] || { echo "Chart.yaml has $key $said, the tag is $TAG" >&2; exit 1; }
done
echo "version=$version" >>"${GITHUB_OUTPUT:-/dev/stdout}"
