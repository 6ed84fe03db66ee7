#!/usr/bin/env bash
# The upgrade drill: starts a cluster of an older build and replaces its processes, one after another, by those of this one, under load.
# tests/upgrade.sh [COMMIT]   the older one; by default the newest tag, and the commit before this one where there is none.
# Its programs are built once, into .dev/upgrade/COMMIT, which takes some minutes; ./dev test has built those of this one, or builds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commit=$(git rev-parse --verify "${1:-$(git describe --tags --abbrev=0 2>/dev/null || echo HEAD~1)}^{commit}")
readonly commit FROM=$PWD/.dev/upgrade/$commit
readonly PROJECTS="services/allinone gateway" # The first one brings the other services.

if [[ ! -e $FROM/built ]]; then
  rm -rf "$FROM"; mkdir -p "$FROM"
  git archive "$commit" | tar -x -C "$FROM"
  for project in $PROJECTS; do dotnet build "$FROM/$project" -c Release -v q --nologo </dev/null; done
  touch "$FROM/built"
fi
for project in $PROJECTS tests/integration; do dotnet build "$project" -c Release -v q --nologo </dev/null; done
echo "From $(git log -1 --format='%h %s' "$commit") to $(git describe --always --dirty)"
TERTULIA_UPGRADE_FROM=$FROM dotnet test tests/integration/bin/Release/net10.0/Tertulia.Integration.Tests.dll \
  --filter FullyQualifiedName~UpgradeTests --logger 'console;verbosity=detailed' </dev/null
