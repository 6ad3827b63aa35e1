#!/usr/bin/env bash
# The whole example: start the databases, run each worker, break some of them in the middle, and
# show after each that both sides are equal. Needs a running `shoal up`, kubectl and shoal.
set -euo pipefail
cd "$(dirname "$0")"
rows=${ROWS:-50000}
say() { printf '\n== %s\n' "$*"; }

# Run one of the programs in a pod of its own, and print what it says.
program() {
    local name=$1; shift
    kubectl delete job "$name" --ignore-not-found > /dev/null
    kubectl create -f - > /dev/null <<END
apiVersion: batch/v1
kind: Job
metadata: {name: $name}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: program
          image: shoal/worker
          command: [python, /programs/$name.py, "$*"]
          env:
            - {name: SOURCE_URL, valueFrom: {secretKeyRef: {name: sync-databases, key: source}}}
            - {name: TARGET_URL, valueFrom: {secretKeyRef: {name: sync-databases, key: target}}}
          volumeMounts: [{name: programs, mountPath: /programs}]
      volumes: [{name: programs, configMap: {name: sync-programs}}]
END
    local ended=""
    until [ -n "$ended" ]; do
        ended=$(kubectl get job "$name" -o jsonpath='{.status.conditions[?(@.status=="True")].type}')
        sleep 0.2
    done
    kubectl logs "job/$name"
    [[ $ended == *Complete* ]]
}

# Wait until a worker's status shows something: `until_shown NAME JSONPATH WORD`.
until_shown() {
    until [[ $(kubectl get worker "$1" -o jsonpath="$2") =~ $3 ]]; do sleep 0.2; done
}

# Kill the processes of one pod of a worker at once, as a crash would.
kill_a_pod_of() {
    local pod
    pod=$(kubectl get pods -l "shoal.io/worker=$1" --field-selector status.phase=Running -o name | head -1)
    echo "killing $pod"
    kubectl delete "$pod" --grace-period=0 --force 2> /dev/null
}

say "two databases, and $rows orders in the source"
kubectl create configmap sync-programs --from-file=programs/ --dry-run=client -o yaml \
    | kubectl apply -f -
kubectl apply -f databases.yaml
kubectl rollout status statefulset/source statefulset/target --timeout=120s
program seed "$rows"

say "a full copy that saves no position, killed in the middle"
kubectl apply -f workers/full.yaml
until_shown full-sync '{.status.phase}' Running
until kubectl logs -l shoal.io/worker=full-sync --tail=-1 2> /dev/null | grep -q copied; do sleep 0.2; done
kill_a_pod_of full-sync
until_shown full-sync '{.status.phase}' Failed
shoal explain worker full-sync
program compare && exit 1

say "nobody starts it again but us: the cleanup empties the target first"
shoal worker rerun full-sync
program compare

say "the same in ranges, by three pods, one of them killed"
program clear
kubectl apply -f workers/chunked.yaml --dry-run=server > /dev/null
python3 programs/ranges.py "$rows" 500 | shoal work put ranges --from -
kubectl apply -f workers/chunked.yaml
until_shown chunked-sync '{.status.progress.done}' '[1-9]'
kill_a_pod_of chunked-sync
shoal worker show chunked-sync --watch
program compare

say "a stream that follows changes, its pod killed"
kubectl apply -f workers/incremental.yaml
until_shown incremental-sync '{.status.phase}' Running
kill_a_pod_of incremental-sync
program change "$rows"
program compare 120
shoal worker list

say "the nightly copy, started now"
kubectl delete worker incremental-sync
kubectl apply -f workers/nightly.yaml
until_shown nightly-sync '{.status.phase}' Scheduled
shoal worker rerun nightly-sync
job=$(kubectl get jobs -l shoal.io/worker=nightly-sync -o name | head -1)
kubectl wait "$job" --for=condition=complete --timeout=300s
program compare

say "all equal; remove everything with"
echo "kubectl delete -f workers -f databases.yaml; kubectl delete configmap sync-programs"
