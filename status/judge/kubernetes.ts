import { roleOf, runsPods } from "../../config/plan";
import { networkFollows } from "../../networks";
import {
  type ClusterStatus,
  lacksNetwork,
  listed,
  reportsOf,
  silent,
  since,
  span,
  forget,
  unlisted,
  views,
  word,
} from "../cluster";
import { about, type Finding } from "../finding";
import { isDone } from "../progress";
import type { KubernetesView } from "../report";

const { problem, notice } = about("kubernetes");

/** Seconds after which a request for a certificate has waited too long: the masters answer what fits within nine minutes. */
const patience = 600;

/** The nodes that Kubernetes knows against those of the file, and what of the cluster's own does not run. */
export function judgeKubernetes(status: ClusterStatus): Finding[] {
  const { plan, answers, kubernetes } = status;
  if (plan.masters.length === 0) return [];
  if (!kubernetes) {
    const masters = reportsOf(answers).filter(
      (told) => roleOf(told.node) === "master" && isDone(told, "control-plane"),
    );
    return masters.length === 0
      ? []
      : [
          problem(
            `no API server answers on ${listed(masters.map(({ node }) => node.name))}`,
            "bring etcd back first, then read journalctl -u kube-apiserver there",
          ),
        ];
  }
  return [
    ...kubernetes.nodes.flatMap((node) => judgeNode(node, status)),
    ...missing(status, kubernetes),
    ...notCome(status, kubernetes),
    ...requests(status, kubernetes),
    ...unreached(status, kubernetes),
    ...kubernetes.workloads
      .filter(({ ready, wanted }) => ready < wanted)
      .map(({ name, ready, wanted }) =>
        (ready === 0 ? problem : notice)(
          `${name} in kube-system runs ${ready} of ${wanted} pods`,
          "see kubectl -n kube-system get pods; they come back when their nodes do",
        ),
      ),
  ];
}

function judgeNode(node: KubernetesView["nodes"][number], status: ClusterStatus): Finding[] {
  const { plan, answers, now } = status;
  const { name, ready, version, cordoned, pressure } = node;
  if (plan.unmanaged.some((stranger) => stranger.name === name)) return judgeStranger(node, status);
  const listedNode = plan.nodes.find((planned) => planned.name === name);
  if (!listedNode || listedNode.lost || !runsPods(listedNode)) {
    return [
      problem(
        `Kubernetes knows a node ${name} that ${unlisted(plan, name)}`,
        forget(
          plan,
          name,
          `kubectl drain ${word(name, "NODE")}, kubectl delete node ${word(name, "NODE")}`,
        ),
        name,
      ),
    ];
  }
  // Of a machine that does not answer this has been said.
  const dead = silent(answers).has(name);
  const wanted = `v${plan.kubernetes.version}`;
  return [
    // Of nodes that wait for a network plugin this is said once (networks/none, networks/calico).
    ...(ready?.status === "True" || dead || (networkFollows(plan) === "yes" && lacksNetwork(ready))
      ? []
      : [
          problem(
            `${name} is not Ready${ready ? ` for ${span(since(ready.since, now))}: ${ready.message}` : ""}`,
            "read journalctl -u kubelet there",
            name,
          ),
        ]),
    ...(cordoned
      ? [notice(`${name} takes no new pods: it is cordoned`, `kubectl uncordon ${name}`, name)]
      : []),
    ...(dead ? [] : pressure).map((kind) =>
      problem(`${name} reports ${kind}`, "make room there: pods are being evicted", name),
    ),
    ...(version === wanted || dead
      ? []
      : [
          problem(
            `${name} runs kubelet ${version}, the file says ${wanted}`,
            "a living cluster is not upgraded by this release: set cluster.kubernetes.version to what runs",
            name,
          ),
        ]),
  ];
}

/** What is wrong with a node that is not managed does not make the cluster unhealthy: nothing of it is ours to mend. */
function judgeStranger(
  { name, ready }: KubernetesView["nodes"][number],
  { answers, now }: ClusterStatus,
): Finding[] {
  if (ready?.status !== "True") {
    const told = ready ? ` for ${span(since(ready.since, now))}: ${ready.message}` : "";
    return [
      notice(
        `${name}, which is not managed, is not Ready${told}`,
        "see its kubelet's log on its machine, which nothing of this cluster looks after",
        name,
      ),
    ];
  }
  const unreached = views("kubernetes", answers)
    .filter(({ view }) => view.kubelets.some((one) => one.name === name && !one.reached))
    .map(({ node }) => node.name);
  if (unreached.length === 0) return [];
  return [
    notice(
      `the API server of ${listed(unreached)} does not reach the kubelet of ${name}, which is not managed: kubectl logs and exec fail for its pods`,
      "see whether the masters reach its port 10250, and why its request for a serving certificate was denied: journalctl -u groundwork-admission on the masters",
      name,
    ),
  ];
}

/** Those that are not managed, and have not used a ticket yet. */
function notCome({ plan }: ClusterStatus, { nodes }: KubernetesView): Finding[] {
  return plan.unmanaged
    .filter((stranger) => !nodes.some(({ name }) => name === stranger.name))
    .map(({ name }) =>
      notice(
        `${name}, which is not managed, has not come`,
        `make a ticket for it (npm run ticket -- ${name}) and start its kubelet with that`,
        name,
      ),
    );
}

/** Nodes that have joined, but that Kubernetes does not know. */
function missing({ plan, answers }: ClusterStatus, { nodes }: KubernetesView): Finding[] {
  return reportsOf(answers)
    .filter((told) => {
      const { node, report } = told;
      const joined = report.lock?.cluster_name === plan.name && isDone(told, "kubelet");
      return joined && runsPods(node) && !nodes.some(({ name }) => name === node.name);
    })
    .map(({ node: { name } }) =>
      problem(
        `Kubernetes does not know ${name}, which has joined`,
        "restart its kubelet (systemctl restart kubelet), or raise its generation and run pulumi up",
        name,
      ),
    );
}

function requests({ now }: ClusterStatus, { requests }: KubernetesView): Finding[] {
  if (requests === null) {
    return [
      notice(
        "Kubernetes has more certificate requests than can be looked at, or longer ones, or tells them too slowly",
        "see kubectl get csr: who makes them, and kubectl delete csr those that nobody needs",
      ),
    ];
  }
  return requests
    .filter(({ since: asked }) => since(asked, now) > patience)
    .map(({ name, user, signer, since: asked }) =>
      notice(
        `${user} waits for ${span(since(asked, now))} for a certificate of ${signer}`,
        `run pulumi up if it is a node of the file; look at it with kubectl get csr${word(name, "") && ` ${name} -o yaml`}`,
      ),
    );
}

/** Kubelets that run, and that API servers do not reach, as the masters say. */
function unreached({ answers }: ClusterStatus, { nodes }: KubernetesView): Finding[] {
  const running = new Set(
    reportsOf(answers)
      .filter(({ report }) =>
        report.units.some(({ name, active }) => name === "kubelet" && active === "active"),
      )
      .map(({ node }) => node.name),
  );
  const looks = views("kubernetes", answers).map(({ node, view }) => ({
    master: node.name,
    kubelets: new Map(view.kubelets.map(({ name, reached }) => [name, reached])),
  }));
  return nodes
    .filter(({ name, ready }) => ready?.status === "True" && running.has(name))
    .flatMap(({ name }) => {
      const looked = looks.flatMap(({ master, kubelets }) => {
        const reached = kubelets.get(name);
        return reached === undefined ? [] : [{ master, reached }];
      });
      const failed = looked.filter(({ reached }) => !reached).map(({ master }) => master);
      if (failed.length === 0) return [];
      const who =
        failed.length === looked.length
          ? "no API server reaches"
          : `the API server of ${listed(failed)} does not reach`;
      return [
        problem(
          `${who} the kubelet of ${name}: kubectl logs and exec fail for its pods`,
          "see whether the masters reach its port 10250, and kubectl get csr for its serving certificate",
          name,
        ),
      ];
    });
}
