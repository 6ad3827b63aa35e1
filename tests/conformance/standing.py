"""A namespace whose pods stand still in every state that people look at."""

NAMESPACE = "standing"

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  containers:
  - {name: main, image: busybox, command: [sh, -c, "seq -f 'line %.0f' 5; exec sleep 1000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: pair, labels: {app: pair}}
spec:
  initContainers:
  - {name: side, image: busybox, restartPolicy: Always, command: [sh, -c, "echo s; sleep 1000"]}
  - name: first
    image: busybox
    command: [sh, -c, "echo prepared > /data/file; echo f"]
    volumeMounts: [{name: data, mountPath: /data}]
  containers:
  - name: one
    image: busybox
    command: [sh, -c, "cat /data/file; exec sleep 1000"]
    volumeMounts: [{name: data, mountPath: /data, readOnly: true}]
  - {name: two, image: busybox, command: [sh, -c, "echo two; exec sleep 1000"]}
  volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: done}
spec:
  restartPolicy: Never
  containers: [{name: main, image: busybox, command: [sh, -c, "echo bye > /dev/termination-log"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: failed}
spec:
  restartPolicy: Never
  containers: [{name: main, image: busybox, command: [sh, -c, "exit 3"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: crashing}
spec:
  containers: [{name: main, image: busybox, command: [sh, -c, "echo attempt; exit 7"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: greedy}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [python3, -c, "bytearray(200 * 1024 * 1024)"]
    resources: {limits: {memory: 20Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: stuck}
spec:
  initContainers: [{name: first, image: busybox, command: [sh, -c, "exit 1"]}]
  containers: [{name: main, image: busybox, command: [sleep, "1000"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: imageless}
spec:
  containers: [{name: main, image: nginx}]
---
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec:
  containers:
  - {name: main, image: busybox, command: ["true"], resources: {requests: {cpu: "1000"}}}
---
apiVersion: v1
kind: Pod
metadata: {name: unready}
spec:
  containers:
  - name: main
    image: busybox
    command: [sleep, "1000"]
    readinessProbe: {exec: {command: [sh, -c, "echo not yet; exit 1"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: sick}
spec:
  containers:
  - name: main
    image: busybox
    command: [sleep, "1000"]
    livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: python
        command: [python3, -m, http.server, "8080", --bind, "$(IP)"]
        env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        ports: [{containerPort: 8080}]
        startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1, failureThreshold: 30}
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
"""

STATES = {
    "talker": ("1/1", "Running"),
    "pair": ("3/3", "Running"),
    "done": ("0/1", "Completed"),
    "failed": ("0/1", "Error"),
    "crashing": ("0/1", "CrashLoopBackOff"),
    "greedy": ("0/1", "OOMKilled"),
    "stuck": ("0/1", "Init:CrashLoopBackOff"),
    "imageless": ("0/1", "NoImageCommand"),
    "huge": ("0/1", "Pending"),
    "unready": ("0/1", "Running"),
}
"""READY and STATUS of the pods that come to rest."""
