#!/usr/bin/env bash
# Sends messages while something goes wrong, and says whether anybody noticed: the last line is the history checker's verdict.
#   scenario.sh send MESSAGES | kill-node | drain-gateway | break-broker SECONDS | storm CLIENTS
# Against ./dev cluster where one runs (TERTULIA_CLUSTER is its folder, .dev/cluster), else against the cluster that kubectl knows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly CLUSTER=${TERTULIA_CLUSTER:-$PWD/.dev/cluster}
readonly SETTLE=${TERTULIA_SCENARIO_SECONDS:-15} # For which clients talk beside the fault itself.
readonly LIST=$CLUSTER/logs/processes.txt
usage() { sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
say() { printf '%s\n' "$*"; }

# A line of the list: NAME process ID ADDRESS LOG. One of those that run.
process() {
  local id
  awk -v name="$1" '$1 ~ "^" name { print $3 }' "$LIST" | shuf | while read -r id; do kill -0 "$id" 2>/dev/null && echo "$id" && break; done
}
on_processes() { [[ -s $LIST && -n $(process gateway) ]]; }

verify() { # verify ARGUMENTS: clients of this machine, or of a pod beside the services
  if on_processes; then
    local urls=() url
    for url in $(awk '$1 ~ "^gateway" { print $4 }' "$LIST"); do urls+=(--url="$url"); done
    dotnet tools/verify/bin/Release/net10.0/Tertulia.Verify.dll "${urls[@]}" "$@"
  else
    kubectl run "verify-$$" --quiet --rm --attach --restart=Never --image="$(kubectl get deployment tertulia-gateway -o jsonpath='{.spec.template.spec.containers[0].image}')" \
      --command -- dotnet Tertulia.Verify.dll --url=http://tertulia-gateway "$@"
  fi
}

during() { # during FAULT ARGUMENTS...: while clients talk
  verify --clients=20 --messages=200 --seconds="$((SECONDS_OF_FAULT + SETTLE))" &
  local clients=$!
  sleep "$((SETTLE / 3))" # They are in their rooms, or come while it happens: both must hold.
  "$@"
  wait "$clients"
}

pod() { kubectl get pods -l "app.kubernetes.io/component=$1" -o name | shuf -n 1; }

kill_node() {
  if on_processes; then
    local id; id=$(process connection)
    say "kill -9 $id"; kill -9 "$id"
  else
    kubectl delete --now --wait=false "$(pod connection)"
  fi
}

drain_gateway() {
  if on_processes; then
    local id; id=$(process gateway)
    say "kill -TERM $id"; kill -TERM "$id"
  else
    kubectl delete --wait=false "$(pod gateway)"
  fi
}

break_broker() {
  say "the broker is away for $SECONDS_OF_FAULT s"
  if on_processes; then
    local id; id=$(process rabbitmq)
    kill -STOP "$id"; sleep "$SECONDS_OF_FAULT"; kill -CONT "$id"
  else
    kubectl scale statefulset tertulia-rabbitmq --replicas=0
    sleep "$SECONDS_OF_FAULT"
    kubectl scale statefulset tertulia-rabbitmq --replicas=1
  fi
}

number() { [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || usage; }

SECONDS_OF_FAULT=0
case ${1:-} in
  send) number "${2:-}"; verify --messages="$2" ;;
  kill-node) during kill_node ;;
  drain-gateway) during drain_gateway ;;
  break-broker) number "${2:-}"; SECONDS_OF_FAULT=$2; during break_broker ;;
  storm) number "${2:-}"; verify --clients="$2" --rooms="$(($2 < 40 ? 1 : $2 / 20))" --messages="$(($2 * 4))" --storms=2 ;;
  *) usage ;;
esac
