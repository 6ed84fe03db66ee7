#!/usr/bin/env bash
# On the cluster that kubectl reaches: the previous release is installed and upgraded to this commit while clients talk, then this commit is installed
# anew beside the data that are there. After each step helm test has clients talk and checks what all of them saw. STORE is postgresql or mongodb.
# Called by the workflow "chart"; on a machine of one's own with a kind cluster named tertulia and the image built as IMAGE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly IMAGE=ghcr.io/tertulia/tertulia THIS=this CHARTS=oci://ghcr.io/tertulia/charts
readonly NAMESPACE=chat RELEASE=chat
readonly SMALL=(--set defaults.resources.requests.cpu=20m --set defaults.resources.requests.memory=96Mi --set drain.graceSeconds=20 --set gateway.preStopSeconds=5)
readonly VALUES=(--values deploy/helm/tertulia/ci/drill.yaml --set "store.kind=${STORE:-postgresql}" "${SMALL[@]}")

say() { printf '\n=== %s\n' "$*"; }
told() { kubectl get pods --namespace "$NAMESPACE" --output wide; kubectl get events --namespace "$NAMESPACE" --sort-by=.lastTimestamp | tail -n 40; } # When something failed.
trap 'told || true' ERR

verify() { helm test "$RELEASE" --namespace "$NAMESPACE" --logs --timeout 5m; }
secrets() { kubectl get secret "$RELEASE-tertulia-generated" --namespace "$NAMESPACE" --output jsonpath='{.data}' | sha256sum; }
this() { # this install|upgrade: the chart and the image of this commit
  helm "$1" "$RELEASE" deploy/helm/tertulia --namespace "$NAMESPACE" --create-namespace "${VALUES[@]}" \
    --set "image.tag=$THIS" --wait --timeout 10m
}
talk() { # Clients in a pod that the network policies know, for as long as the upgrade takes and longer.
  kubectl apply --namespace "$NAMESPACE" --filename - <<YAML
apiVersion: batch/v1
kind: Job
metadata: {name: talk}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {app.kubernetes.io/name: tertulia, app.kubernetes.io/instance: $RELEASE, app.kubernetes.io/component: verify}
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      containers:
        - name: talk
          image: $IMAGE:$THIS
          command: [dotnet, Tertulia.Verify.dll]
          args: ["--url=http://$RELEASE-tertulia-gateway", --clients=12, --rooms=3, --messages=200, --seconds=240, --within=360]
          env:
            - {name: TERTULIA_VERIFY_SECRET, valueFrom: {secretKeyRef: {name: $RELEASE-tertulia-generated, key: auth-secret}}}
YAML
  kubectl wait --for=condition=ready pod --selector=job-name=talk --namespace "$NAMESPACE" --timeout=2m
}

kind load docker-image "$IMAGE:$THIS" --name tertulia

previous=$(git tag --list 'v*.*.*' --sort=-v:refname | head -n 1)
if [[ -n $previous ]]; then
  say "Installing $previous"
  helm install "$RELEASE" "$CHARTS/tertulia" --version "${previous#v}" --namespace "$NAMESPACE" --create-namespace "${VALUES[@]}" --wait --timeout 10m
else
  say "Nothing was released yet: installing this commit, which is then upgraded to itself"
  this install
fi
verify
before=$(secrets)

say "Upgrading to this commit while clients talk"
talk
this upgrade
# The same text changes nothing: then this is what replaces every pod.
kubectl rollout restart deployment --namespace "$NAMESPACE"
for component in gateway connection message presence notification; do
  kubectl rollout status "deployment/$RELEASE-tertulia-$component" --namespace "$NAMESPACE" --timeout=5m
done
kubectl wait --for=condition=complete job/talk --namespace "$NAMESPACE" --timeout=8m || { kubectl logs job/talk --namespace "$NAMESPACE"; exit 1; }
kubectl logs job/talk --namespace "$NAMESPACE"
verify
[[ $(secrets) == "$before" ]] || { echo "the upgrade has changed a generated secret" >&2; exit 1; }

say "Uninstalling, and installing beside the data that are there"
helm uninstall "$RELEASE" --namespace "$NAMESPACE" --wait
this install
verify
[[ $(secrets) == "$before" ]] || { echo "the new installation has changed a generated secret" >&2; exit 1; }
