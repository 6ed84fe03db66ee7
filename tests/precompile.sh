#!/usr/bin/env bash
# Copies the built programs and suites to .dev/precompiled, with the programs' assemblies compiled ahead of time and a runtime that
# hardly optimises what is left to compile, and prints that folder. Says why on stderr when it cannot. Built ones stay as they are.
# Called by tests/run.sh; docs/adr/0034 has the numbers.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly PROGRAMS=(services/{message,presence,notification,connection,allinone} gateway tests/faults)
readonly OUT=$PWD/.dev/precompiled BUILT=bin/Release/net10.0
readonly SELDOM='^(MongoDB|SharpCompress|ZstdSharp|Snappier|DnsClient|Scalar|Microsoft\.OpenApi)' # Large, and loaded by few processes or none.
# Optimised is only what runs so often that it pays within a test. The programs as they are built optimise everything at once (ADR 18).
TIERS='"System.Runtime.TieredCompilation": true, "System.Runtime.TieredCompilation.CallCountThreshold": 20000'
readonly TIERS+=', "System.Runtime.TieredPGO": false'
SUITES=() # Those that were built.
for suite in tests/*/"$BUILT"/Tertulia.*.Tests.dll; do [[ -e $suite ]] && SUITES+=("${suite%%/bin/*}"); done

# list FOLDER...: name and checksum of each assembly, and its path. The first two are the same where a file is a copy of another.
list() { find "${@/%//$BUILT}" -maxdepth 1 -name '*.dll' -exec cksum {} + | awk '{ n = split($3, part, "/"); print part[n] ":" $1 ":" $2, $3 }'; }
made_of() { cksum tests/precompile.sh; list "${PROGRAMS[@]}" "${SUITES[@]}"; }
[[ -e $OUT/list && $(<"$OUT/list") == "$(made_of)" ]] && { echo "$OUT"; exit; }

mkdir -p .dev
dotnet msbuild tests/crossgen.proj -t:Restore -v:q -nologo >.dev/crossgen.log 2>&1 || { echo "no ahead-of-time compiler: $PWD/.dev/crossgen.log" >&2; exit 1; }
settings=$(dotnet msbuild tests/crossgen.proj -getProperty:NuGetPackageRoot -getProperty:NetCoreTargetingPackRoot \
  -getProperty:BundledNETCoreAppPackageVersion -getProperty:NETCoreSdkPortableRuntimeIdentifier) || { echo "$settings" >&2; exit 1; }
setting() { sed -nE "s/^ *\"$1\": \"(.*)\",?$/\1/p" <<<"$settings"; }
VERSION=$(setting BundledNETCoreAppPackageVersion) SHARED=$(setting NetCoreTargetingPackRoot)/../shared
COMPILER=$(setting NuGetPackageRoot)microsoft.netcore.app.crossgen2.$(setting NETCoreSdkPortableRuntimeIdentifier)/$VERSION/tools/crossgen2
for needed in "$COMPILER" "$SHARED/Microsoft.NETCore.App/$VERSION" "$SHARED/Microsoft.AspNetCore.App/$VERSION"; do
  [[ -e $needed ]] || { echo "no ahead-of-time compiler: there is no $needed" >&2; exit 1; }
done
chmod +x "$COMPILER" 2>/dev/null
export VERSION SHARED COMPILER

compile() { # compile SOURCE TARGET: what cannot be compiled, because it is already or is no .NET assembly, stays as it is
  "$COMPILER" "$1" -o "$2.new" -O --parallelism 1 -r "$(dirname "$1")/*.dll" -r "$SHARED/Microsoft.NETCore.App/$VERSION/*.dll" \
    -r "$SHARED/Microsoft.AspNetCore.App/$VERSION/*.dll" >/dev/null 2>&1 && mv "$2.new" "$2" || rm -f "$2.new"
}
export -f compile

# Links: a file of the copy is replaced, never written to.
rm -rf "$OUT"
for folder in "${PROGRAMS[@]}" "${SUITES[@]}"; do mkdir -p "$OUT/$folder/bin/Release" && cp -rlp "$folder/$BUILT" "$OUT/$folder/bin/Release" || exit 1; done
declare -A compiled=() # name and checksum of an assembly -> where it is compiled; most are in several programs
work=() links=()
while read -r id path; do
  if [[ -n ${compiled[$id]:-} ]]; then
    links+=("${compiled[$id]}" "$OUT/$path")
  else
    compiled[$id]=$OUT/$path; work+=("$PWD/$path" "$OUT/$path")
  fi
done < <(list "${PROGRAMS[@]}" | grep -Ev "$SELDOM")
printf '%s\0' "${work[@]}" | xargs -0 -n 2 -P "$(nproc)" bash -c 'compile "$0" "$1"'
while read -r id path; do [[ -n ${compiled[$id]:-} ]] && links+=("${compiled[$id]}" "$OUT/$path"); done < <(list "${SUITES[@]}")
for ((i = 0; i < ${#links[@]}; i += 2)); do ln -f "${links[i]}" "${links[i + 1]}"; done
for folder in "${PROGRAMS[@]}"; do sed -i "s/\"System\.Runtime\.TieredCompilation\": false/$TIERS/" "$OUT/$folder/$BUILT"/*.runtimeconfig.json; done
made_of >"$OUT/list"
echo "$OUT"
