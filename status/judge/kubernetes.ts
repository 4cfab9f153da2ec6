import { roleOf } from "../../config/plan";
import {
  type ClusterStatus,
  type Finding,
  listed,
  nextStep,
  reportsOf,
  silent,
  since,
  span,
  forget,
  unlisted,
  views,
  word,
} from "../cluster";
import type { KubernetesView } from "../report";

/** Seconds after which a request for a certificate has waited too long: the masters answer what fits within nine minutes. */
const patience = 600;

/** The nodes that Kubernetes knows against those of the file, and what of the cluster's own does not run. */
export function judgeKubernetes(status: ClusterStatus): Finding[] {
  const { plan, answers, kubernetes } = status;
  if (plan.masters.length === 0) return [];
  if (!kubernetes) {
    const masters = reportsOf(answers).filter(
      ({ node, report }) => roleOf(node) === "master" && report.steps["control-plane"] === true,
    );
    return masters.length === 0
      ? []
      : [
          {
            severity: "problem",
            what: `no API server answers on ${listed(masters.map(({ node }) => node.name))}`,
            remedy: "bring etcd back first, then read journalctl -u kube-apiserver there",
          },
        ];
  }
  return [
    ...kubernetes.nodes.flatMap((node) => judgeNode(node, status)),
    ...missing(status, kubernetes),
    ...requests(status, kubernetes),
    ...unreached(status, kubernetes),
    ...kubernetes.workloads
      .filter(({ ready, wanted }) => ready < wanted)
      .map(({ name, ready, wanted }): Finding => ({
        severity: ready === 0 ? "problem" : "notice",
        what: `${name} in kube-system runs ${ready} of ${wanted} pods`,
        remedy: `see kubectl -n kube-system get pods; they come back when their nodes do`,
      })),
  ];
}

function judgeNode(node: KubernetesView["nodes"][number], status: ClusterStatus): Finding[] {
  const { plan, answers, now } = status;
  const { name, ready, version, cordoned, pressure } = node;
  const finding = (severity: Finding["severity"], what: string, remedy: string): Finding => ({
    severity,
    node: name,
    what,
    remedy,
  });
  const listedNode = plan.nodes.find((planned) => planned.name === name);
  if (!listedNode || listedNode.lost || roleOf(listedNode) === "storage") {
    return [
      finding(
        "problem",
        `Kubernetes knows a node ${name} that ${unlisted(plan, name)}`,
        forget(
          plan,
          name,
          `kubectl drain ${word(name, "NODE")}, kubectl delete node ${word(name, "NODE")}`,
        ),
      ),
    ];
  }
  // Of a machine that does not answer this has been said.
  const dead = silent(answers).has(name);
  const wanted = `v${plan.kubernetes.version}`;
  return [
    ...(ready?.status === "True" || dead
      ? []
      : [
          finding(
            "problem",
            `${name} is not Ready${ready ? ` for ${span(since(ready.since, now))}: ${ready.message}` : ""}`,
            "read journalctl -u kubelet there",
          ),
        ]),
    ...(cordoned
      ? [finding("notice", `${name} takes no new pods: it is cordoned`, `kubectl uncordon ${name}`)]
      : []),
    ...(dead ? [] : pressure).map((kind) =>
      finding("problem", `${name} reports ${kind}`, "make room there: pods are being evicted"),
    ),
    ...(version === wanted || dead
      ? []
      : [
          finding(
            "problem",
            `${name} runs kubelet ${version}, the file says ${wanted}`,
            `a living cluster is not upgraded by this release: set cluster.kubernetes.version to what runs`,
          ),
        ]),
  ];
}

/** Nodes that went through all their steps, but that Kubernetes does not know. */
function missing({ plan, answers }: ClusterStatus, { nodes }: KubernetesView): Finding[] {
  return reportsOf(answers)
    .filter(({ node, report }) => {
      const joined = report.lock?.cluster_name === plan.name && nextStep(report) === undefined;
      return joined && roleOf(node) !== "storage" && !nodes.some(({ name }) => name === node.name);
    })
    .map(({ node: { name } }) => ({
      severity: "problem",
      node: name,
      what: `Kubernetes does not know ${name}, whose steps are all done`,
      remedy: `restart its kubelet (systemctl restart kubelet), or raise its generation and run pulumi up`,
    }));
}

function requests({ now }: ClusterStatus, { requests }: KubernetesView): Finding[] {
  if (requests === null) {
    return [
      {
        severity: "notice",
        what: "Kubernetes has more certificate requests than can be looked at, or longer ones, or tells them too slowly",
        remedy:
          "see kubectl get csr: who makes them, and kubectl delete csr those that nobody needs",
      },
    ];
  }
  return requests
    .filter(({ since: asked }) => since(asked, now) > patience)
    .map(({ name, user, signer, since: asked }) => ({
      severity: "notice",
      what: `${user} waits for ${span(since(asked, now))} for a certificate of ${signer}`,
      remedy: `run pulumi up if it is a node of the file; look at it with kubectl get csr${word(name, "") && ` ${name} -o yaml`}`,
    }));
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
        {
          severity: "problem" as const,
          node: name,
          what: `${who} the kubelet of ${name}: kubectl logs and exec fail for its pods`,
          remedy: `see whether the masters reach its port 10250, and kubectl get csr for its serving certificate`,
        },
      ];
    });
}
