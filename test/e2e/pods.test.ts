import assert from "node:assert/strict";
import { json, kubectl, on } from "./lab";

const node = "worker-01";
const created = "/var/tmp/groundwork-e2e";

/** A pod of an ordinary user, with everything in it that a node makes for it; it says what it can read of that. */
const pod = `
apiVersion: v1
kind: Namespace
metadata: { name: user, labels: { pod-security.kubernetes.io/enforce: privileged } } # for hostPath
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: user }
data: { key: configured }
---
apiVersion: v1
kind: Secret
metadata: { name: hidden, namespace: user }
stringData: { key: secret }
---
apiVersion: v1
kind: Pod
metadata: { name: user, namespace: user, labels: { app: labelled } }
spec:
  restartPolicy: Never
  nodeName: ${node}
  hostAliases: [{ ip: 10.1.2.3, hostnames: [alias] }]
  securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 }
  containers:
    - name: user
      image: docker.io/library/busybox:1
      command:
        - sh
        - -c
        - |
          {
            for file in /config/a/b /secret/a/b /downward/a/b /projected/a/b /projected/c/d; do
              echo "$file $(cat $file)"
            done
            echo "/part $(cat /part)"
            test -s /var/run/secrets/kubernetes.io/serviceaccount/token && echo token
            grep -o alias /etc/hosts
            grep -o svc.cluster.local /etc/resolv.conf | head -n 1
            cat /etc/hostname
            touch /empty/file /dev/shm/file && ls /empty /dev/shm
            stat -c '%a %n' /sub /created /empty
          } >/dev/termination-log 2>&1
      volumeMounts:
        - { name: config, mountPath: /config }
        - { name: config, mountPath: /part, subPath: a/b }
        - { name: secret, mountPath: /secret }
        - { name: downward, mountPath: /downward }
        - { name: projected, mountPath: /projected }
        - { name: empty, mountPath: /empty }
        - { name: empty, mountPath: /sub, subPath: x/y }
        - { name: created, mountPath: /created }
  volumes:
    - { name: config, configMap: { name: settings, items: [{ key: key, path: a/b }] } }
    - { name: secret, secret: { secretName: hidden, items: [{ key: key, path: a/b }] } }
    - { name: downward, downwardAPI: { items: [{ path: a/b, fieldRef: { fieldPath: "metadata.labels['app']" } }] } }
    - name: projected
      projected:
        sources:
          - { configMap: { name: settings, items: [{ key: key, path: a/b }] } }
          - { secret: { name: hidden, items: [{ key: key, path: c/d }] } }
    - { name: empty, emptyDir: {} }
    - { name: created, hostPath: { path: ${created}/a/b, type: DirectoryOrCreate } }
`;

interface Pod {
  readonly status: {
    readonly containerStatuses: readonly {
      readonly state: { readonly terminated?: { readonly message?: string } };
    }[];
  };
}

describe("a pod of an ordinary user", function () {
  this.timeout(120_000);

  it("reads everything that its node makes for it", () => {
    kubectl("apply -f -", pod);
    kubectl("-n user wait --for=jsonpath='{.status.phase}'=Succeeded pod/user --timeout=60s");
    const { status } = json<Pod>("kubectl -n user get pod user -o json");
    assert.deepEqual(status.containerStatuses[0]?.state.terminated?.message?.trim().split("\n"), [
      "/config/a/b configured",
      "/secret/a/b secret",
      "/downward/a/b labelled",
      "/projected/a/b configured",
      "/projected/c/d secret",
      "/part configured",
      "token",
      "alias",
      "svc.cluster.local",
      "user",
      "/dev/shm:",
      "file",
      "",
      "/empty:",
      "file",
      "x",
      "777 /sub",
      "755 /created",
      "777 /empty",
    ]);
    assert.equal(on(node, `stat -c %a ${created} ${created}/a`).stdout, "755\n755\n");
  });

  it("leaves what is the kubelet's own to root", () => {
    const open = on(
      node,
      "stat -c '%a %U' /var/lib/kubelet; find /var/lib/kubelet/pki /var/lib/kubelet/config.yaml -type f -perm /077",
    );
    assert.equal(open.stdout, "700 root\n");
  });

  after(() => {
    kubectl("-n user delete pod/user --ignore-not-found --grace-period=1");
    kubectl("delete namespace user");
    on(node, `rm -r ${created}`);
  });
});
