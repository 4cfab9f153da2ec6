import { assertAllowed, assertRefused, cluster, type Sample } from "./harness";

const policy = "joins-follow-first-master";
const step = (name: string, ...after: string[]): Sample => ({
  type: "command:remote:Command",
  name,
  after,
});
const first = [
  step("m1-etcd"),
  step("m1-control-plane", "m1-etcd"),
  step("m1-kubelet", "m1-control-plane"),
  step("m1-admit", "m1-control-plane"),
];
const rest = [
  step("m2-etcd", "m1-etcd"),
  step("m2-control-plane", "m2-etcd", "m1-control-plane"),
  step("w1-kubelet", "binding"),
  step("w1-admit", "binding"),
  {
    type: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    name: "binding",
    after: ["m1-control-plane"],
  },
];

describe(`policy ${policy}`, () => {
  it("allows joins that wait, through other resources too", () =>
    assertAllowed(policy, [cluster(), ...first, ...rest]));

  it("allows storage without masters", () =>
    assertAllowed(policy, [
      cluster({ nodes: [{ name: "s1", ip: "192.0.2.9", roles: ["ceph-osd"] }] }),
      step("s1-claim"),
    ]));

  it("refuses a worker, a control plane and an admission that do not wait", async () => {
    for (const [node, name, ...after] of [
      ["w1", "w1-kubelet"],
      ["m2", "m2-control-plane", "m2-etcd"],
      // To wait for something else is not enough.
      ["w1", "w1-admit", "m1-etcd"],
    ] as const) {
      const graph = rest.map((sample) => (sample.name === name ? { ...sample, after } : sample));
      await assertRefused(
        policy,
        [cluster(), ...first, ...graph],
        [
          new RegExp(`^${node}: step ${name} does not wait for m1-control-plane;`),
          "mend components/order.ts",
        ],
      );
    }
  });

  it("refuses a graph without the first master's API", () =>
    assertRefused(
      policy,
      [cluster(), ...rest],
      [/^m1: is the first master of cluster prod and has no step/],
    ));
});
