#!/usr/bin/env bash
# The whole example: start the databases, run each worker, break some of them in the middle, and
# show after each that both sides are equal. Needs a running `shoal up` on this machine, kubectl and
# shoal on PATH, and KUBECONFIG.
#
#     run.sh                     all of it
#     run.sh databases full      only these steps, in this order
#     ROWS=1000000 run.sh        with more orders
#     run.sh remove              nothing is left
set -euo pipefail
cd "$(dirname "$0")"
rows=${ROWS:-50000}
range=500
patience_s=180
steps=(databases full rerun chunked incremental nightly)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

databases() {
    say "two databases, and $rows orders in the source"
    kubectl create configmap sync-programs --from-file=programs/ --dry-run=client -o yaml \
        | kubectl apply -f -
    kubectl apply -f databases.yaml
    kubectl rollout status statefulset/source --timeout="${patience_s}s"
    kubectl rollout status statefulset/target --timeout="${patience_s}s"
    program seed "$rows"
}

full() {
    say "a full copy that saves no position; its process is killed in the middle"
    fresh full-sync
    program clear
    kubectl apply -f workers/full.yaml
    until_true "full-sync copies" logs_of full-sync copied
    kill_program "$(running_pod full-sync)"
    until_true "full-sync is Failed" is_phase full-sync Failed
    shoal explain worker full-sync
    program compare && fail "both sides are equal: the copy had ended before it was killed; try more ROWS"
    echo "a part of the table is there, and nobody starts the copy again by itself"
}

rerun() {
    say "started again by hand: the cleanup empties the target first"
    shoal worker rerun full-sync
    kubectl logs full-sync-2 -c cleanup
    program compare
}

chunked() {
    say "the same in ranges, by three pods; one is killed, and the source is started again"
    fresh chunked-sync
    program clear
    shoal work purge ranges
    program ranges "$range" | shoal work put ranges --from -
    kubectl apply -f workers/chunked.yaml
    until_true "chunked-sync copies" logs_of chunked-sync copied
    kill_program "$(running_pod chunked-sync)"
    echo "deleting the source's pod; its data is in its claim"
    kubectl delete pod source-0
    shoal worker show chunked-sync --watch
    program compare
}

incremental() {
    say "a stream that follows changes; its pod is deleted"
    kubectl apply -f workers/incremental.yaml
    until_true "incremental-sync follows" logs_of incremental-sync following
    kubectl delete pod "$(running_pod incremental-sync)" --grace-period=0 --force 2> /dev/null
    program change
    program compare 120
    shoal worker list
    fresh incremental-sync
}

nightly() {
    say "the nightly copy, started now"
    fresh nightly-sync
    kubectl apply -f workers/nightly.yaml
    until_true "nightly-sync is Scheduled" is_phase nightly-sync Scheduled
    shoal worker rerun nightly-sync
    job=$(kubectl get jobs -l shoal.io/worker=nightly-sync -o name | tail -1)
    kubectl wait "$job" --for=condition=complete --timeout="${patience_s}s"
    program compare
}

remove() {
    say "remove workers, programs, servers and their data"
    kubectl delete -f workers -f databases.yaml --ignore-not-found
    kubectl delete configmap sync-programs --ignore-not-found
    kubectl delete job seed clear ranges change compare --ignore-not-found
    kubectl delete pvc data-source-0 data-target-0 --ignore-not-found
    shoal work purge ranges
}

# Forget a worker of an earlier run.
fresh() { kubectl delete worker "$1" --ignore-not-found --cascade=foreground; }

# Run one of the programs in a pod of its own, and print what it says: `program NAME ARGUMENT...`.
program() {
    local name=$1 ended=""; shift
    kubectl delete job "$name" --ignore-not-found --cascade=foreground > /dev/null
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
          command: [sh, -c, "exec python /programs/$name.py $*"]
          env:
            - {name: SOURCE_URL, valueFrom: {secretKeyRef: {name: sync-databases, key: source}}}
            - {name: TARGET_URL, valueFrom: {secretKeyRef: {name: sync-databases, key: target}}}
          volumeMounts: [{name: programs, mountPath: /programs}]
      volumes: [{name: programs, configMap: {name: sync-programs}}]
END
    until_true "$name ends" has_ended "$name"
    kubectl logs "job/$name"
    [[ $ended == *Complete* ]]
}

has_ended() {
    ended=$(kubectl get job "$1" -o jsonpath='{.status.conditions[?(@.status=="True")].type}')
    [[ $ended == *Complete || $ended == *Failed ]]
}

is_phase() { [[ $(kubectl get worker "$1" -o jsonpath='{.status.phase}') == "$2" ]]; }

# Whether a worker's pods have written something: `logs_of WORKER WORD`.
logs_of() { [[ $(kubectl logs -l "shoal.io/worker=$1" --tail=-1 2> /dev/null) == *"$2"* ]]; }

# The name of one of a worker's pods that run.
running_pod() {
    local pods
    pods=$(kubectl get pods -l "shoal.io/worker=$1" --field-selector status.phase=Running \
        -o jsonpath='{.items[*].metadata.name}')
    [ -n "$pods" ] || fail "no pod of $1 runs any more; try more ROWS"
    echo "${pods%% *}"
}

# Look until it is so: `until_true WHAT COMMAND...`.
until_true() {
    local what=$1 end=$((SECONDS + patience_s)); shift
    until "$@"; do
        ((SECONDS < end)) || fail "waited $patience_s s in vain until $what; see kubectl get pods,workers"
        sleep 0.2
    done
}

# kill -9, on this machine, of the program that runs in a pod: the pod's files are mounted in it.
kill_program() {
    local uid pid
    uid=$(kubectl get pod "$1" -o jsonpath='{.metadata.uid}')
    for pid in $(pgrep -f "/programs/"); do
        if grep -qs "$uid" "/proc/$pid/mountinfo"; then
            echo "kill -9 of process $pid, of pod $1: $(tr '\0' ' ' < "/proc/$pid/cmdline")"
            kill -9 "$pid"
            return
        fi
    done
    fail "no process of pod $1 on this machine: it has ended, or shoal up runs elsewhere"
}

check() {
    local tool
    for tool in kubectl shoal pgrep; do
        command -v "$tool" > /dev/null || fail "$tool is not on PATH"
    done
    ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 \
        || fail "PostgreSQL is not on this machine: apt-get install postgresql"
    kubectl get --raw /readyz > /dev/null 2>&1 \
        || fail "no control plane answers: start \`shoal up\` and export KUBECONFIG as it says"
}

check
for step in "${@:-${steps[@]}}"; do
    [[ " ${steps[*]} remove " == *" $step "* ]] || fail "no step $step; there are ${steps[*]} remove"
    "$step"
done
[ $# -gt 0 ] || say "done; \`run.sh remove\` removes everything"
