#!/usr/bin/env bash
# What ./dev test needs on GitHub's machine beside servers. Those are containers; without containers all of it runs in one that has everything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ ${TERTULIA_TEST_CONTAINERS:-1} != 0 ]] || exit 0
sudo apt-get update -q
sudo apt-get install -qy --no-install-recommends python3-websockets
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
command -v chromium >/dev/null || sudo ln -s "$browser" /usr/local/bin/chromium
missing=$(tests/needs.sh)
[[ -z $missing ]] || { echo "still missing: $missing" >&2; exit 1; }
