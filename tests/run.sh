#!/usr/bin/env bash
# Runs the test suites that were built before, one after the other, and adds them up. Called by ./dev test.
# The last line is "N passed, N failed". What crashed, hung or did not run counts as failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly RESULTS=$PWD/.dev/test-results
readonly SUITE_SECONDS=${TERTULIA_SUITE_SECONDS:-600}
passed=0 failed=0
rm -rf "$RESULTS"; mkdir -p "$RESULTS"

# counter NAME FILE: one number of a result file's <Counters ... /> element
counter() { grep -o '<Counters [^>]*' "$2" | grep -o " $1=\"[0-9]*\"" | tr -dc 0-9; }

run_dotnet() { # run_dotnet SUITE ASSEMBLY
  local suite=$1 log=$RESULTS/$1.log trx=$RESULTS/$1.trx status=0 total=0 ok=0 bad started=$SECONDS
  timeout --kill-after=20 "$SUITE_SECONDS" dotnet test "$2" --logger "trx;LogFileName=$trx" >"$log" 2>&1 </dev/null || status=$?
  if [[ -s $trx ]]; then total=$(counter total "$trx"); ok=$(counter passed "$trx"); fi
  bad=$((total - ok)) # Failed, skipped and not run alike.
  ((status != 0 && bad == 0)) && bad=1
  ((total == 0 && bad == 0)) && bad=1
  ((status == 124 || status == 137)) && echo "$suite: stopped after $SUITE_SECONDS s" >>"$log"
  report "$suite" "$ok" "$bad" $((SECONDS - started)) "$log"
}

report() { # report SUITE PASSED FAILED SECONDS LOG
  passed=$((passed + $2)) failed=$((failed + $3))
  printf '%-24s %5d passed %5d failed %5d s\n' "$1" "$2" "$3" "$4"
  if (($3 > 0)); then
    echo "--- $5"
    grep -v '^\s*$' "$5" | tail -n 120
    echo "---"
  fi
}

wanted() { local suite=$1 name; shift; (($# == 0)) && return; for name in "$@"; do [[ $name == "$suite" ]] && return; done; return 1; }

# The quick suites first; integration, which owns the machine for minutes, last.
for project in $(find tests -name '*.Tests.csproj' -not -path '*/integration/*' | sort) $(find tests/integration -name '*.Tests.csproj'); do
  folder=$(dirname "$project")
  suite=${folder#tests/}; suite=${suite//\//-}
  wanted "$suite" "$@" && run_dotnet "$suite" "$folder/bin/Release/net10.0/$(basename "$project" .csproj).dll"
done

echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
