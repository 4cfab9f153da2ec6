import assert from "node:assert/strict";
import { eventually, on } from "./lab";

/** A pod on every node that says the node's name to whoever asks, and a Service before them. */
const pods = `
apiVersion: v1
kind: Namespace
metadata: { name: data-plane }
---
apiVersion: v1
kind: Service
metadata: { name: reach, namespace: data-plane }
spec: { selector: { app: reach }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: reach, namespace: data-plane }
spec:
  selector: { matchLabels: { app: reach } }
  template:
    metadata: { labels: { app: reach } }
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{ operator: Exists, effect: NoSchedule }]
      containers:
        - name: reach
          image: docker.io/library/busybox:1
          command: [sh, -c, 'mkdir -p /tmp/www && echo $NODE >/tmp/www/index.html && echo $NODE serves && exec httpd -f -p 8080 -h /tmp/www']
          env: [{ name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]
`;

/** Asks in every pod for all of them by address, and for the Service by name; one line a pod. Then their logs. */
const look = `
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl() { command kubectl --namespace data-plane --request-timeout=20s "$@"; }
kubectl get daemonset/reach >/dev/null 2>&1 || kubectl apply --filename - >/dev/null <<'END'
${pods}
END
kubectl rollout status daemonset/reach --timeout=20s >/dev/null
found=$(kubectl get pods --output jsonpath='{range .items[*]}{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}{end}')
addresses=$(awk '{ print $3 }' <<<"$found")
while read -r pod node _; do
  echo "$node reaches" $(timeout 15 kubectl --namespace data-plane exec "$pod" -- sh -c "
    for address in $(echo $addresses); do timeout 5 wget -q -O- http://\\$address:8080/ & done | sort
    timeout 5 wget -q -O- http://reach/ >/dev/null && echo and Services" </dev/null 2>&1) &
done <<<"$found" | cat
kubectl logs --selector app=reach --tail 1`;

/**
 * What users have a cluster for, whatever was done to it: from a pod on each node every other node's pod by its address and
 * a Service by its name; `kubectl exec` and `logs` for each. The pods stay while the cluster lives.
 */
export async function assertPodsReach(via: string, nodes: readonly string[]): Promise<void> {
  const reached = nodes.map((node) => `${node} reaches ${nodes.join(" ")} and Services`);
  const logged = nodes.map((node) => `${node} serves`);
  await eventually(() => {
    const { stdout, output } = on(via, look);
    assert.deepEqual(stdout.trim().split("\n").sort(), [...reached, ...logged].sort(), output);
  }, 90);
}
