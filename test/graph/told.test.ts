import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type ClusterPlan, roleOf } from "../../config/plan";
import { sources } from "../../steps/program";
import { readProgram } from "./program";
import { type Graph, reveal } from "./record";
import { recordSample, samples } from "./samples";
import { living, machineOf, named, ownerOf, planOfSample } from "./select";

/** In the order in which they start, behind a worker's proxy to the API. */
const unitsOfNode = ({ networking }: ClusterPlan) => [
  "kubelet",
  "kube-proxy",
  ...(networking.plugin === "flannel" ? ["flanneld"] : []),
];

/** What lib.sh says that every step gets; the identity is there to change. */
const everyStep = ["NODE", "NODE_IP", "STEP", "CLUSTER_ID", "CLUSTER_NAME", "IDENTITY"];

const words = (text: string): readonly string[] => text.match(/\w+/g) ?? [];
const without = (names: readonly string[], others: readonly string[]) =>
  names.filter((name) => !others.includes(name));

/** What a script demands behind `Needs also:` at its top, and the script itself. */
function partsOf(name: string): { readonly head: string; readonly body: string } {
  const text = readFileSync(sources.get(`${name}.sh`) ?? "", "utf8");
  const top = text.slice(0, text.search(/^[^#]/m));
  const head = /Needs also:([^]*?)(?=\n# shellcheck|$)/.exec(top)?.[1] ?? "";
  return { head, body: text.replace(/^ *#.*/gm, "") };
}

for (const cluster of samples) {
  describe(`what every step of cluster '${cluster}' is told:`, () => {
    let graph: Graph;
    let plan: ClusterPlan;
    before(async () => {
      graph = await recordSample(cluster);
      plan = planOfSample(cluster);
    });

    it("where it runs, what it is called, and whose it is", () => {
      for (const step of living(graph, plan)) {
        const { variables } = readProgram(step.program);
        const host = machineOf(plan, step);
        const { NODE, NODE_IP, CLUSTER_ID, CLUSTER_NAME, IDENTITY, STEP } = variables;
        assert.deepEqual(
          { NODE, NODE_IP, CLUSTER_ID, CLUSTER_NAME },
          {
            NODE: host.name,
            NODE_IP: host.ip,
            CLUSTER_ID: "uuid-of-cluster-id",
            CLUSTER_NAME: plan.name,
          },
          step.urn,
        );
        assert.ok(
          step.name.endsWith((STEP ?? "?").replace(/^ceph-(?!configure)/, "")) ||
            /osd|-expect-|^etcd-restore-/.test(step.name),
          step.urn,
        );
        // A machine that was reinstalled has another identity, by which all of its steps run again.
        const about = /-(admit|forget)$/.test(step.name) ? ownerOf(plan, step) : host;
        assert.equal(
          IDENTITY,
          `uuid-of-${about?.name}-identity`,
          `${step.urn} does not run again when ${about?.name} is reinstalled`,
        );
      }
    });

    it("what its script demands at its top, and its script says what it reads", () => {
      const steps = living(graph, plan).map(({ urn, program }) => {
        const { variables, texts, undo } = readProgram(program);
        return {
          urn,
          told: Object.keys({ ...variables, ...texts }),
          scripts: [variables.STEP, undo],
        };
      });
      const names = new Set(steps.flatMap(({ told }) => told));
      for (const { urn, told, scripts } of steps) {
        for (const script of scripts.filter((script) => script !== undefined)) {
          const { head, body } = partsOf(script);
          const demanded = words(head).filter((word) => names.has(word));
          const read = told.filter(
            (name) => !everyStep.includes(name) && words(body).includes(name),
          );
          assert.deepEqual(
            {
              missing: demanded.filter((name) => !told.includes(name)),
              unsaid: without(read, demanded),
            },
            { missing: [], unsaid: [] },
            `${urn}: the top of ${script}.sh`,
          );
        }
      }
    });

    it("what the file says of the node it is about", () => {
      const masters = plan.masters.map(({ ip }) => ip).join(" ");
      for (const step of living(graph, plan)) {
        const { variables } = readProgram(step.program);
        const node = ownerOf(plan, step) ?? machineOf(plan, step);
        const caller = plan.nodes.find(({ name }) => step.name.endsWith(`-expect-${name}`));
        const stranger = plan.unmanaged.find(({ name }) => step.name === `${name}-declare`);
        const osd = plan.ceph?.osds.find(
          ({ node, id }) => step.name === `ceph-${node.name}-osd-${id}`,
        );
        const said: Readonly<Record<string, string>> = {
          TARGET: /^(ceph-)?upgrade$|^network-plugin$|encryption$/.test(step.name)
            ? "all nodes"
            : (caller ?? stranger ?? node).name,
          VERSION: plan.kubernetes.version,
          ETCD_VERSION: plan.versions.etcd,
          DRAIN: plan.kubernetes.rollout.drain,
          TARGET_IP: (stranger ?? node).ip,
          CERT_SANS: JSON.stringify(stranger?.certSans),
          TARGET_HOSTNAME: node.hostname,
          NODE_HOSTNAME: node.hostname,
          LABELS: JSON.stringify(node.labels),
          TAINTS: JSON.stringify(node.taints),
          ROLES: node.roles.join(" "),
          ROLE: roleOf(node),
          ARCHITECTURE: node.architecture,
          MAC_ADDRESSES: node.macAddresses.join(" "),
          PREFLIGHT_ALLOW: plan.preflightAllow.join(" "),
          TOKEN_ID: "abcdef",
          UNITS: [...(roleOf(node) === "worker" ? ["kube-api-proxy"] : []), ...unitsOfNode(plan)]
            .map((unit) => `${unit}.service`)
            .join(" "),
          ...(step.name.startsWith("ceph-") ? {} : { PEERS: masters }),
          ...(osd && {
            DEVICE: osd.path,
            BACKEND: osd.backend,
            WIPE: String(osd.wipe),
            SIZE_GIB: String(osd.sizeGib),
          }),
        };
        for (const [name, value] of Object.entries(variables))
          if (name in said) assert.equal(value, said[name], `${step.urn} is told another ${name}`);
      }
    });

    it("the address of the cluster's DNS, which pods are told", () => {
      for (const { urn, inputs } of graph.resources.filter(
        ({ type, name }) => type === "kubernetes:core/v1:Service" && name === "dns-coredns",
      )) {
        const { clusterIP } = inputs.spec as { clusterIP: string };
        assert.equal(clusterIP, plan.networking.dnsServiceIp, urn);
        for (const step of living(graph, plan).filter(({ name }) => /-kubelet$/.test(name))) {
          const { files } = readProgram(step.program);
          const kubelet = files["/var/lib/kubelet/config.yaml 0600 root:root"] ?? "";
          assert.match(kubelet, new RegExp(`clusterDNS:\n +- ${clusterIP}\n`), step.urn);
        }
      }
    });

    it("no bootstrap token but the node's own, and none in a variable", () => {
      for (const step of living(graph, plan)) {
        const { variables, texts } = readProgram(step.program);
        for (const [name, value] of Object.entries(variables))
          assert.doesNotMatch(value, /SECRET/, `${step.urn} has a secret in its variable ${name}`);
        const node = ownerOf(plan, step)?.name;
        for (const [name, text] of Object.entries(texts)) {
          const tokens = text.match(/SECRET-\S+-token\b/g) ?? [];
          const own = name === "bootstrap_kubeconfig" ? [`SECRET-${node}-token`] : [];
          assert.deepEqual(tokens, own, `${step.urn}: ${name}`);
        }
      }
    });

    it("to run again by the host key and generation of its machine, and by nothing else", () => {
      for (const node of plan.nodes) {
        const { urn, inputs } = named(graph, `${node.name}-identity`);
        const { hostKey } = node.ssh;
        const kept = {
          hostKey,
          generation: String(node.generation),
          // Which counts on the day when the machine comes, and is ignored from then on.
          ...(node.maintenance > 0 ? { maintenance: String(node.maintenance) } : {}),
        };
        const peers = plan.masters.map(({ ip }) => ip).join(" ");
        const keepers = { ...kept, ...(node.lost ? { lost: "true" } : {}), peers };
        assert.deepEqual(reveal(inputs.keepers), keepers, urn);
        // The form of a bootstrap token: six and sixteen of small letters and digits.
        for (const [token, length] of [
          ["token-id", 6],
          ["token", 16],
        ] as const) {
          const { urn, inputs } = named(graph, `${node.name}-${token}`);
          const keepers = { identity: `uuid-of-${node.name}-identity` };
          const form = { length, special: false, upper: false, keepers };
          assert.deepEqual(reveal(inputs), form, `${urn} is no token, or outlives its machine`);
        }
      }
    });
  });
}
