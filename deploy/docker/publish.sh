#!/usr/bin/env bash
# Publishes every program of the image into one folder: publish.sh FOLDER [amd64|arm64] [--artifacts-path FOLDER]
# They share their libraries, whose versions are central, so that a file that two of them bring is the same file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly OUTPUT=${1:?a folder} ARCH=${2:-amd64}
declare -A RUNTIMES=([amd64]=linux-x64 [arm64]=linux-arm64)
readonly PROJECTS=(
  gateway/Tertulia.Gateway.csproj
  services/connection/Tertulia.Connections.csproj
  services/message/Tertulia.Messages.csproj
  services/presence/Tertulia.Presence.csproj
  services/notification/Tertulia.Notifications.csproj
  services/allinone/Tertulia.AllInOne.csproj
  tools/secrets/Tertulia.Secrets.csproj
  tools/verify/Tertulia.Verify.csproj
)
for project in "${PROJECTS[@]}"; do
  dotnet publish "$project" -c Release -r "${RUNTIMES[$ARCH]}" --no-self-contained -p:UseAppHost=false -p:DebugType=embedded -o "$OUTPUT" -v q --nologo "${@:3}"
done
