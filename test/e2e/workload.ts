import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { endWithSuite, kubectl, root } from "./lab";

/** A Deployment of three in the namespace `default`, of which a budget wants so many at any time. */
export function workload(wanted: number): void {
  kubectl(
    "apply --filename -",
    `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: docker.io/library/busybox:1
          command: [sh, -c, 'mkdir -p /tmp/www && exec httpd -f -p 8080 -h /tmp/www']
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: ${wanted}, selector: { matchLabels: { app: web } } }
`,
  );
  kubectl("rollout status deployment/web --timeout=60s");
}

/** A script that asks all the while, and what it complained of. */
export function startClient(name: string, command: string): { stop(): string } {
  const log = join(root, `.lab/log/${name}.log`);
  const out = openSync(log, "w");
  const child = endWithSuite(
    spawn("bash", ["-c", `. .lab/env; ${command}`], { cwd: root, stdio: ["ignore", out, out] }),
  );
  return {
    stop() {
      child.kill("SIGKILL");
      return readFileSync(log, "utf8");
    },
  };
}

/** How the API was at an address. */
interface Availability {
  /** Longest time without an answer, in seconds. */
  readonly away: number;
  /** What else was answered, or why nothing was: HTTP status, or `curl` and its exit status, and after how many seconds. */
  readonly others: readonly string[];
}

/** As a worker, from it: the API at each of these addresses, five times a second. */
export function startAsking(node: string, addresses: readonly string[]) {
  const ask =
    "curl --silent --noproxy '*' --max-time 2 --cacert /etc/kubernetes/pki/ca.crt --cert /var/lib/kubelet/pki/kubelet-client-current.pem --output /dev/null --write-out '%{http_code} %{time_total} %{exitcode}' https://$at:6443/version";
  const loops = `for at in ${addresses.join(" ")}; do while :; do said=$(${ask}); echo "$at $(date +%s.%N) $said"; sleep 0.2; done & done; wait`;
  const client = startClient("ways", `exec lab/ssh ${node} bash -s <<'END'\n${loops}\nEND`);
  return {
    /** @returns how it was, by address */
    stop(): Map<string, Availability> {
      const lines = client
        .stop()
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split(" "));
      return new Map(
        addresses.map((address) => {
          const own = lines.filter(([at]) => at === address);
          const times = own.flatMap(([, time, code]) => (code === "200" ? [Number(time)] : []));
          const others = own.flatMap(([, , code, took, status]) =>
            code === "200" ? [] : [`${code === "000" ? `curl ${status}` : code} after ${took} s`],
          );
          const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
          return [address, { away: Math.max(...gaps), others }];
        }),
      );
    },
  };
}

/** Asks twice a second how many pods of {@link workload} are available. */
export class Watcher {
  private readonly log = join(root, ".lab/log/available");
  private readonly child: ChildProcess;

  constructor() {
    mkdirSync(join(root, ".lab/log"), { recursive: true });
    const out = openSync(this.log, "w");
    const ask =
      "kubectl get deployment web --request-timeout=2s -o jsonpath='{.status.availableReplicas}{\"\\n\"}' 2>/dev/null; sleep 0.5";
    const command = `. .lab/env; while :; do ${ask}; done`;
    const child = spawn("bash", ["-c", command], { cwd: root, stdio: ["ignore", out, "ignore"] });
    this.child = endWithSuite(child);
  }

  /** Ends it. @returns the fewest there were */
  stop(): number {
    this.child.kill("SIGKILL");
    const seen = readFileSync(this.log, "utf8").split("\n").filter(Boolean).map(Number);
    return Math.min(...seen);
  }
}
