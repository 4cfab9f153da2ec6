import assert from "node:assert/strict";
import type { ClusterPlan, SshTarget } from "../../config/plan";
import { type Graph, reveal } from "./record";
import { recordSample, samples } from "./samples";
import { commands, living, planOfSample } from "./select";

for (const cluster of samples) {
  describe(`the graph of cluster '${cluster}'`, () => {
    let graph: Graph;
    let preview: Graph;
    let plan: ClusterPlan;
    before(async () => {
      graph = await recordSample(cluster);
      preview = await recordSample(cluster, true);
      plan = planOfSample(cluster);
    });

    it("has unique URNs", () => {
      const urns = graph.resources.map(({ urn }) => urn);
      const twice = urns.filter((urn, i) => urns.indexOf(urn) !== i);
      assert.deepEqual(twice, []);
    });

    it("names every child after its parent", () => {
      for (const { urn, name, parent } of graph.resources) {
        const parentName = parent.split("::").at(-1) ?? "";
        // The cluster's own names have no prefix here.
        if (parent === "" || /:(Stack|Cluster)::/.test(parent)) continue;
        assert.ok(
          name === parentName || name.startsWith(`${parentName}-`),
          `${urn} is not named after its parent ${parentName}`,
        );
      }
    });

    it("hangs every resource below a component", () => {
      for (const { urn, custom, parent, type } of graph.resources)
        assert.ok(
          !custom || !parent.includes("pulumi:pulumi:Stack::"),
          `${urn} (${type}) has no component for its parent`,
        );
    });

    it("names nothing by an index", () => {
      // What may hold a number is what the file calls so: nodes and their devices, and a restore.
      const devices = (plan.ceph?.osds ?? []).concat(plan.ceph?.lost.osds ?? []);
      const nodes = [...plan.nodes, ...plan.unmanaged].map(({ name }) => name);
      const { restore } = plan.etcd;
      const epoch = restore ? [String(restore.epoch)] : [];
      // Nor does a number that the file counts to.
      const numbers = Object.values<number>({ ...plan.ceph?.rotations });
      const counted = Array.from({ length: Math.max(1, ...numbers) - 1 }, (_, i) => String(i + 2));
      const given = [...devices.map(({ id }) => id), ...nodes, ...epoch, ...counted];
      for (const { urn, name } of graph.resources) {
        const rest = given.reduce((rest, own) => rest.replace(own, "own"), name);
        assert.doesNotMatch(rest, /(^|[-[_])\d+($|[-\]_])/, `${urn} looks named by an index`);
      }
    });

    it("runs at most nine commands for a node, one more where it takes calls, shares an address, has a firewall, is maintained or gets another key of tokens, two where its authorities followed others, and one for each caller", () => {
      for (const { name, takesCalls, maintenance } of plan.nodes) {
        const rotates = plan.kubernetes.rotations.serviceAccountKey > 1;
        const follow = plan.kubernetes.rotations.authorities > 1;
        const more = [
          takesCalls,
          plan.endpoint.vip,
          plan.networking.firewall,
          maintenance > 0,
          rotates,
          follow,
          follow,
        ].filter(Boolean);
        const own = living(graph, plan).filter(
          (r) => r.name.startsWith(`${name}-`) && !r.name.includes("-expect-"),
        );
        assert.ok(own.length <= 9 + more.length, `${name} has ${own.length} commands`);
      }
    });

    it("pins the host key of every connection, of the jump host too, and logs in with keys", () => {
      for (const { urn, inputs } of commands(graph)) {
        const { proxy, ...machine } = reveal(inputs.connection) as SshTarget & {
          proxy?: SshTarget;
        };
        const target = plan.nodes.find(({ ssh }) => ssh.host === machine.host)?.ssh;
        assert.ok(target, `${urn} dials ${machine.host}, which is no node`);
        const ends = [
          { what: "its machine", dialled: machine, planned: target },
          { what: "its jump host", dialled: proxy, planned: target.bastion },
        ];
        for (const { what, dialled, planned } of ends) {
          const about = `${urn}: its connection to ${what}`;
          assert.equal(dialled?.hostKey, planned?.hostKey, `${about} has another host key`);
          assert.equal(dialled?.user, planned?.user, `${about} has another user`);
          assert.equal(dialled?.port, planned?.port, `${about} has another port`);
          if (!dialled) continue;
          assert.match(
            dialled.hostKey,
            /^(ssh-ed25519|ecdsa-sha2-nistp\d+) /,
            `${about} has no pinned host key`,
          );
          assert.ok(!("password" in dialled), `${about} has a password`);
        }
      }
    });

    it("keeps commands silent, and free of anything but their name", () => {
      for (const { urn, inputs } of commands(graph)) {
        assert.equal(inputs.logging, "none", `${urn} logs`);
        assert.equal(inputs.addPreviousOutputInEnv, false, `${urn} sends its output back`);
        for (const forbidden of ["environment", "triggers", "update"]) {
          assert.ok(!(forbidden in inputs), `${urn} has ${forbidden}`);
        }
        const { user } = reveal(inputs.connection) as SshTarget;
        const sudo = user === "root" ? "" : "sudo -n ";
        for (const text of ["create", "delete"]) {
          if (!(text in inputs)) continue;
          const pattern = `^${sudo}timeout --kill-after=10 \\d+ bash -s -- ${text}$`;
          assert.match(inputs[text] as string, new RegExp(pattern), `${urn}: ${text}`);
        }
      }
    });

    it("lets no secret travel or rest in the clear", () => {
      for (const { urn, inputs } of graph.resources) {
        // What is left after taking out every wrapped secret must hold none.
        const open = JSON.stringify(inputs, (_, value: unknown) =>
          value !== null && typeof value === "object" && "4dabf18193072939515e22adb298388d" in value
            ? "[secret]"
            : value,
        );
        // Keys of Ceph begin with the word, kubeconfigs have it in base64.
        const [found] = /(SECRET|U0VDUkVU|PRIVATE KEY)[^\\"]{0,40}/.exec(open) ?? [];
        assert.equal(found, undefined, `${urn} has a secret in the clear`);
      }
      const { kubeconfig } = graph.outputs;
      assert.ok(
        kubeconfig === undefined ||
          JSON.stringify(kubeconfig).includes("4dabf18193072939515e22adb298388d"),
        "the kubeconfig is not secret",
      );
    });

    it("registers the same resources at preview, when nothing is known", () => {
      assert.deepEqual(
        preview.resources.map(({ urn }) => urn),
        graph.resources.map(({ urn }) => urn),
      );
    });
  });
}
