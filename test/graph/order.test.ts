import assert from "node:assert/strict";
import type { ClusterPlan } from "../../config/plan";
import { closure, type Graph, type Registration } from "./record";
import { recordSample, samples } from "./samples";
import { births, commands, kubernetesNodes, living, named, ownerOf, planOfSample } from "./select";

/** What each kind of step stands on, by name: `N` is its node, `O` the OSD. Every living step is of exactly one kind. */
const standsOn: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(?<N>.+)-preflight$/, []],
  [/^(?<N>.+)-claim$/, ["N-preflight"]],
  [/^(?<N>.+)-prepare$/, ["N-claim"]],
  [/^(?<N>.+)-firewall$/, ["N-prepare"]],
  [/^(?<N>.+)-maintain$/, ["N-admit"]],
  [/^(?<N>.+)-credentials$/, ["N-prepare"]],
  [/^(?<N>.+)-join-service$/, ["N-claim"]],
  [/^(?<N>.+)-expect-.+$/, ["N-join-service"]],
  [/^(?<N>.+)-call$/, ["N-claim"]],
  [/^upgrade$/, []],
  [/^network-plugin$/, []],
  [/^etcd-genesis$/, []],
  [/^(?<N>.+)-service-account$/, ["N-credentials"]],
  [/^(?<N>.+)-authorities$/, ["N-prepare"]],
  [/^(?<N>.+)-signing$/, ["N-credentials"]],
  [/^encryption$/, ["etcd-genesis"]],
  [/^encryption-restored-encryption$/, ["encryption"]],
  [/^ceph-genesis$/, []],
  [/^etcd-restore-\d+-check$/, ["etcd-genesis"]],
  [/^etcd-restore-\d+$/, ["etcd-genesis"]],
  [/^etcd-restore-\d+-settle$/, ["etcd-genesis"]],
  [/^etcd-restore-(?<N>.+)-halt$/, ["N-credentials", "etcd-genesis"]],
  [/^(?<N>.+)-etcd$/, ["N-credentials", "etcd-genesis"]],
  [/^(?<N>.+)-snapshots$/, ["N-control-plane"]],
  [/^(?<N>.+)-vip$/, ["N-control-plane"]],
  [/^(?<N>.+)-control-plane$/, ["N-etcd"]],
  [/^(?<N>.+)-kubelet$/, ["N-credentials"]],
  [/^(?<N>.+)-admit$/, ["N-kubelet"]],
  [/^.+-declare$/, ["addons-groundwork-tickets"]],
  [/^ceph-upgrade$/, []],
  [/^ceph-(?<N>.+)-packages$/, ["N-prepare", "ceph-upgrade"]],
  [/^ceph-(?<N>.+)-follow$/, ["ceph-N-keys"]],
  [/^ceph-release$/, ["ceph-configure"]],
  [/^ceph-(?<N>.+)-host$/, ["N-prepare"]],
  [/^ceph-(?<N>.+)-keys$/, ["ceph-N-host"]],
  [/^ceph-(?<N>.+)-mon$/, ["ceph-N-keys", "ceph-genesis"]],
  [/^ceph-(?<N>.+?)-osd-(?<O>.+)-member$/, ["ceph-N-osd-O"]],
  [/^ceph-(?<N>.+?)-osd-(?<O>.+)-next$/, ["ceph-N-keys"]],
  [/^ceph-(?<N>.+?)-osd-(?<O>.+)-tell$/, ["ceph-N-osd-O-next", "ceph-genesis"]],
  [/^ceph-(?<N>.+?)-osd-(?!.*-(member|next|tell)$).+$/, ["ceph-N-keys", "ceph-genesis"]],
  [/^ceph-configure$/, []],
  [/^ceph-retire$/, ["ceph-configure"]],
  [/^ceph-.+-forget$/, ["ceph-genesis"]],
  [/^.+(?<!^ceph-.+)-forget$/, ["etcd-genesis"]],
];

for (const cluster of samples) {
  describe(`the order of cluster '${cluster}'`, () => {
    let graph: Graph;
    let plan: ClusterPlan;
    before(async () => {
      graph = await recordSample(cluster);
      plan = planOfSample(cluster);
    });
    const reached = new Map<string, Set<string>>();
    const waitsFor = ({ urn }: Registration, other: Registration) => {
      const all = reached.get(urn) ?? closure(graph, urn);
      reached.set(urn, all);
      return all.has(other.urn);
    };
    const assertWaits = (step: Registration, ...others: readonly Registration[]) => {
      for (const other of others)
        assert.ok(waitsFor(step, other), `${step.urn} does not wait for ${other.urn}`);
    };
    /** The steps of this name of these nodes. */
    const steps = (nodes: readonly string[], step: string) =>
      nodes.map((node) => named(graph, `${node}-${step}`));

    it("lets every step wait for what it stands on", () => {
      for (const step of living(graph, plan)) {
        const [kind, ...more] = standsOn.filter(([pattern]) => pattern.test(step.name));
        assert.ok(kind && more.length === 0, `${step.urn} is of no kind that this test knows`);
        const [pattern, others] = kind;
        const { N = "", O = "" } = pattern.exec(step.name)?.groups ?? {};
        for (const other of others)
          assertWaits(step, named(graph, other.replace(/\bN\b/, N).replace(/\bO\b/, O)));
      }
    });

    it("lets nothing join before the first master's API server answers, and the rights are there", () => {
      const [first, ...others] = steps(kubernetesNodes(plan, "master"), "control-plane");
      if (!first) return;
      const nodes = kubernetesNodes(plan);
      const joins = [...steps(nodes, "kubelet"), ...steps(nodes, "admit")];
      const rights = graph.resources.filter(
        ({ type, parent }) => type.startsWith("kubernetes:rbac") && parent.endsWith("::addons"),
      );
      assert.ok(rights.length >= 4);
      for (const join of [...others, ...joins, ...rights]) assertWaits(join, first);
      for (const join of joins) assertWaits(join, ...rights);
    });

    it("lets the members of etcd come at once after its birth, and one after the other after a restore", () => {
      const members = steps(kubernetesNodes(plan, "master"), "etcd");
      members.forEach((member, i) => {
        assertWaits(member, named(graph, "etcd-genesis"));
        for (const earlier of members.slice(0, i))
          assert.equal(waitsFor(member, earlier), plan.etcd.restore !== undefined, member.urn);
      });
    });

    it("lets monitors come at once, asks them about OSDs, and configures at last", () => {
      const { monitors = [], osds = [] } = plan.ceph ?? {};
      const all = monitors.map(({ name }) => named(graph, `ceph-${name}-mon`));
      for (const one of all)
        for (const other of all)
          assert.ok(!waitsFor(one, other), `${one.urn} waits for ${other.urn}`);
      const members = osds.map(({ node, id }) =>
        named(graph, `ceph-${node.name}-osd-${id}-member`),
      );
      for (const member of members)
        assert.ok(
          all.some((monitor) => waitsFor(member, monitor)),
          `${member.urn} waits for no monitor`,
        );
      const forgets = commands(graph).filter(({ name }) => /^ceph-.+-forget$/.test(name));
      for (const name of plan.ceph ? ["ceph-configure"] : [])
        assertWaits(named(graph, name), ...all, ...members, ...forgets);
    });

    it("is not born before every machine it is made of is taken", () => {
      for (const birth of births(graph)) {
        const parts = plan.nodes.filter(
          ({ lost, roles, calls }) =>
            !lost &&
            !calls &&
            (birth.name === "etcd-genesis" || roles.some((role) => /^ceph-/.test(role))),
        );
        assert.ok(parts.length > 0);
        assertWaits(
          birth,
          ...steps(
            parts.map(({ name }) => name),
            "claim",
          ),
        );
      }
    });

    it("gives the first master its credentials before its birth, and Ceph Ready nodes", () => {
      const [first] = kubernetesNodes(plan, "master");
      if (first === undefined) return;
      assertWaits(named(graph, "etcd-genesis"), named(graph, `${first}-credentials`));
      const ceph = living(graph, plan).filter(({ name }) => /^ceph-(.+-host|genesis)$/.test(name));
      for (const step of ceph) assertWaits(step, ...steps(kubernetesNodes(plan), "kubelet"));
    });

    it("takes no machine before all of them were examined", () => {
      const alive = plan.nodes.filter(({ lost }) => !lost);
      const names = alive.map(({ name }) => name);
      // Those that call come later, and each is examined then.
      const atOnce = alive.flatMap(({ name, calls }) => (calls ? [] : [name]));
      for (const claim of steps(names, "claim")) assertWaits(claim, ...steps(atOnce, "preflight"));
      for (const name of names)
        assertWaits(named(graph, `${name}-claim`), named(graph, `${name}-preflight`));
    });

    it("makes machines ready in parallel, and lets no worker wait for another", () => {
      const workers = new Set(kubernetesNodes(plan, "worker"));
      // Ceph lets all of Kubernetes go first.
      const own = kubernetesNodes(plan).length > 0 ? "credentials" : "host";
      // Where its packages are not the distribution's, it is asked first whether it may have them.
      const last = plan.ceph?.packages ? "prepare" : own;
      const single = new RegExp(`-(preflight|claim|prepare|${last})$`);
      const steps = living(graph, plan).flatMap((step) => {
        const owner = ownerOf(plan, step);
        // Whoever calls waits for those who take the call.
        return owner === undefined || owner.calls ? [] : [{ step, owner: owner.name }];
      });
      for (const { step, owner } of steps) {
        const alone = single.test(step.name);
        const joins = /-(kubelet|admit)$/.test(step.name) && workers.has(owner);
        if (!alone && !joins) continue;
        for (const { step: other, owner: of } of steps) {
          if (of === owner || !(alone || workers.has(of))) continue;
          // A machine is taken when every other was examined, a cluster is born when every machine is taken.
          if (alone ? /-preflight$/.test(other.name) : /-(preflight|claim)$/.test(other.name))
            continue;
          assert.ok(!waitsFor(step, other), `${step.urn} waits for ${other.urn}`);
        }
      }
    });

    it("puts nothing into Kubernetes before its API answers, and CoreDNS on masters that are Ready", () => {
      const inside = graph.resources.filter((r) =>
        /^kubernetes:|^pulumi:providers:kub/.test(r.type),
      );
      const [first] = steps(kubernetesNodes(plan, "master").slice(0, 1), "control-plane");
      assert.equal(inside.length > 0, first !== undefined);
      for (const object of inside) {
        if (first) assertWaits(object, first);
        if (object.parent.endsWith("::dns"))
          assertWaits(object, ...steps(kubernetesNodes(plan, "master"), "kubelet"));
        const { namespace } = (object.inputs.metadata ?? {}) as { namespace?: string };
        const spaces = inside.filter(
          ({ type, inputs }) =>
            type === "kubernetes:core/v1:Namespace" &&
            (inputs.metadata as { name: string }).name === namespace,
        );
        assertWaits(object, ...spaces);
      }
    });
  });
}
