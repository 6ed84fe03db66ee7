#!/usr/bin/env bash
# Builds a service on the host into the folder that Tilt syncs into the pods: build.sh all | gateway | connection | message | presence | notification
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly APP=$PWD/.dev/tilt/app
declare -A PROJECTS=(
  [gateway]=gateway/Tertulia.Gateway.csproj
  [connection]=services/connection/Tertulia.Connections.csproj
  [message]=services/message/Tertulia.Messages.csproj
  [presence]=services/presence/Tertulia.Presence.csproj
  [notification]=services/notification/Tertulia.Notifications.csproj
  [verify]=tools/verify/Tertulia.Verify.csproj
)
name=${1:?all or a service}
[[ $name == all ]] && names=("${!PROJECTS[@]}") || names=("$name")
mkdir -p "$APP/.tools"
cp deploy/docker/dev-dotnet "$APP/.tools/dotnet"
cp deploy/docker/dev-restart "$APP/.tools/restart"
for name in "${names[@]}"; do
  project=${PROJECTS[$name]:?there is no service $name}
  # Several builds of what they share would write the same files.
  (
    flock 9
    dotnet build "$project" -c Release -v q --nologo
    # Only what is another file now: each copied one is sent to the pods.
    cd "$(dirname "$project")/bin/Release/net10.0"
    find . -type f ! -name '*.pdb' | while read -r file; do
      cmp -s "$file" "$APP/$file" || { mkdir -p "$APP/$(dirname "$file")"; cp "$file" "$APP/$file"; }
    done
  ) 9>"$APP/../lock"
done
git ls-files '*.csproj' Directory.Packages.props Directory.Build.props Directory.Build.targets | xargs cksum >"$APP/projects.sum.new"
cmp -s "$APP/projects.sum.new" "$APP/projects.sum" || cp "$APP/projects.sum.new" "$APP/projects.sum"
rm "$APP/projects.sum.new"
