#!/usr/bin/env bash
# Signs the image DIGEST of IMAGE, and publishes the chart VERSION to CHARTS and signs it. Digests are signed, never tags.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cosign sign --yes "$IMAGE@${DIGEST:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
helm package deploy/helm/tertulia --destination "$folder"
# helm uses docker's login.
pushed=$(helm push "$folder/tertulia-${VERSION:?}.tgz" "oci://$CHARTS" 2>&1)
echo "$pushed"
digest=$(sed -n 's/^Digest: //p' <<<"$pushed")
cosign sign --yes "$CHARTS/tertulia@${digest:?}"
