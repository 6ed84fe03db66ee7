#!/usr/bin/env bash
# Runs the test suites that were built before and adds them up: on two cores or more three at a time, because they wait for a third
# of their time. Integration begins when no other one is left to begin, and soon has the machine for itself. Called by ./dev test.
# The last line is "N passed, N failed". What crashed, hung or ran no test counts as failed. Tests whose server this machine does
# not have (tests/needs.sh) are named before the last line; they are in neither number, and the exit code is not 0.
# The first line says where RabbitMQ and PostgreSQL come from (tests/containers.sh).
# MongoDB is no package of Debian: where none can be had (tests/mongodb.sh) its tests are announced as not run, and that is all.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly RESULTS=$PWD/.dev/test-results
readonly SUITE_SECONDS=${TERTULIA_SUITE_SECONDS:-1500}
readonly AT_ONCE=${TERTULIA_SUITES_AT_ONCE:-$(($(nproc) < 2 ? 1 : 3))}
readonly MISSING=$(tests/needs.sh)
passed=0 failed=0
rm -rf "$RESULTS"; mkdir -p "$RESULTS"

# Of this run only: a suite that is stopped halfway leaves nothing behind.
trap 'trap - TERM; kill -- $(jobs -p) 2>/dev/null; exit 130' INT TERM

# assembly_of SUITE: as it was built, or its copy with precompiled programs
assembly_of() { local project; project=$(echo "tests/$1"/*.Tests.csproj); echo "${TERTULIA_PROGRAMS:-.}/tests/$1/bin/Release/net10.0/$(basename "$project" .csproj).dll"; }

# counter NAME FILE: one number of a result file's <Counters ... /> element
counter() { grep -o '<Counters [^>]*' "$2" | grep -o " $1=\"[0-9]*\"" | tr -dc 0-9; }

run() { # run SUITE: leaves SUITE.log and SUITE.counts, which is "passed failed seconds"
  local suite=$1 log=$RESULTS/$1.log trx=$RESULTS/$1.trx status=0 total=0 ok=0 bad started=$SECONDS filter=()
  [[ -n $MISSING ]] && filter=(--filter "$(sed 's/^/Needs!=/' <<<"$MISSING" | paste -sd '&')")
  timeout --foreground --kill-after=20 "$SUITE_SECONDS" dotnet test "$(assembly_of "$suite")" --logger "trx;LogFileName=$trx" "${filter[@]}" \
    >"$log" 2>&1 </dev/null || status=$?
  if [[ -s $trx ]]; then total=$(counter total "$trx"); ok=$(counter passed "$trx"); fi
  bad=$((total - ok)) # Failed, skipped and not run alike.
  ((status != 0 && bad == 0)) && bad=1
  ((total == 0 && bad == 0)) && bad=1
  ((status == 124 || status == 137)) && echo "$suite: stopped after $SUITE_SECONDS s" >>"$log"
  echo "$ok $bad $((SECONDS - started))" >"$RESULTS/$suite.counts"
}

report() { # report SUITE: once, when it has ended
  local suite=$1 ok=0 bad=1 seconds=0 log=$RESULTS/$1.log
  [[ -s $RESULTS/$suite.counts ]] && read -r ok bad seconds <"$RESULTS/$suite.counts"
  passed=$((passed + ok)) failed=$((failed + bad))
  printf '%-24s %5d passed %5d failed %5d s\n' "$suite" "$ok" "$bad" "$seconds"
  if ((bad > 0)); then
    echo "--- $log"
    grep -v '^\s*$' "$log" | tail -n 120
    echo "---"
  fi
}

run_all() { # run_all AT_ONCE SUITE...
  local at_once=$1 suite process; shift
  declare -A running=() # process id -> suite
  while (($# > 0 || ${#running[@]} > 0)); do
    while (($# > 0 && ${#running[@]} < at_once)); do
      run "$1" & running[$!]=$1; shift
    done
    wait -n -p process "${!running[@]}"
    report "${running[$process]}"
    unset "running[$process]"
  done
}

name_not_run() { # name_not_run SUITE...: the classes of tests that need what is missing
  local package suite classes
  for package in $MISSING; do
    for suite in "$@"; do
      classes=$(dotnet test "$(assembly_of "$suite")" --list-tests --filter "Needs=$package" 2>/dev/null </dev/null |
        grep -oE '^ +Tertulia\.[A-Za-z.]+\.' | sed 's/^.*\.\([A-Za-z]*\)\.$/\1/' | sort -u | paste -sd ' ')
      [[ -n $classes ]] && echo "not run, because $package is missing: $suite: $classes"
    done
  done
}

# servers: which brokers and stores the tests start, in a line.
servers() {
  local said images
  if said=$(tests/containers.sh); then
    images=$(sed -nE 's/^.* const string (RabbitMq|Postgres)Image = "(.*)";$/\2/p' tests/shared/Servers.cs | paste -sd ' ')
    echo "servers: containers (${images/ /, })"
  else
    echo "servers: private processes ($said)"
  fi
}

suites=()
for project in tests/*/*.Tests.csproj; do suites+=("$(basename "$(dirname "$project")")"); done
for name in "$@"; do
  [[ " ${suites[*]} " == *" $name "* ]] || { echo "there is no suite $name; there are: ${suites[*]}"; exit 2; }
done
wanted=("${@:-${suites[@]}}")
in_order=() last=()
for name in conformance connection convergence websocket message notification "${wanted[@]}"; do # The longest first, so that nothing waits for one at the end.
  if [[ " ${wanted[*]} " != *" $name "* || " ${in_order[*]} " == *" $name "* ]]; then continue; fi
  if [[ $name == integration ]]; then last=("$name"); else in_order+=("$name"); fi
done

servers
if ((${#wanted[@]} > 1)) || [[ ${wanted[0]} == integration ]]; then # For one other suite it is not worth its seconds.
  if programs=$(tests/precompile.sh); then export TERTULIA_PROGRAMS=$programs; else echo "programs: as built"; fi
fi
run_all "$AT_ONCE" "${in_order[@]}" "${last[@]}"
not_run=$([[ -n $MISSING ]] && name_not_run "${wanted[@]}")
[[ -n $not_run ]] && echo "$not_run"
no_mongodb=$(tests/mongodb.sh) || [[ " ${wanted[*]} " != *" conformance "* ]] || echo "MongoDB: not run ($no_mongodb)"
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0)) && [[ -z $not_run ]]
