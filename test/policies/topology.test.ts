import { assertAllowed, assertRefused, cluster, nodes } from "./harness";

const inDomains = (...domains: (string | undefined)[]) =>
  cluster({
    nodes: nodes({ master: domains.length }).map((node, i) => {
      const failureDomain = domains[i];
      return failureDomain === undefined ? node : { ...node, failureDomain };
    }),
  });

describe("policy odd-masters", () => {
  it("allows one, three and five", async () => {
    for (const master of [1, 3, 5]) {
      await assertAllowed("odd-masters", [cluster({ nodes: nodes({ master, worker: 2 }) })]);
    }
  });

  it("allows storage without masters", () =>
    assertAllowed("odd-masters", [cluster({ nodes: nodes({ "ceph-osd": 3 }) })]));

  it("refuses two, and says what two are worth", () =>
    assertRefused(
      "odd-masters",
      [cluster({ nodes: nodes({ master: 2 }) })],
      [
        /^master-2: makes 2 masters of cluster prod, of which none may fail, as with 1;/,
        "add one master to the cluster file, or take this one away",
      ],
    ));

  it("refuses four", () =>
    assertRefused(
      "odd-masters",
      [cluster({ nodes: nodes({ master: 4 }) })],
      [/^master-4: makes 4 masters of cluster prod, of which 1 may fail, as with 3;/],
    ));
});

describe("policy more-than-one-master", () => {
  it("is content with three", () =>
    assertAllowed("more-than-one-master", [cluster({ nodes: nodes({ master: 3 }) })]));

  it("advises against one", () =>
    assertRefused(
      "more-than-one-master",
      [cluster({ nodes: nodes({ master: 1 }) })],
      [/^master-1: is the only master/, "give two more nodes the role master"],
    ));
});

describe("policy masters-in-several-failure-domains", () => {
  const policy = "masters-in-several-failure-domains";

  it("allows masters in two domains", () => assertAllowed(policy, [inDomains("a", "a", "b")]));

  it("allows masters of which not all declare one", () =>
    assertAllowed(policy, [inDomains("a", "a", undefined)]));

  it("allows masters that declare none, and a single one", async () => {
    await assertAllowed(policy, [inDomains(undefined, undefined, undefined)]);
    await assertAllowed(policy, [inDomains("a")]);
  });

  it("refuses masters that all share one", () =>
    assertRefused(
      policy,
      [inDomains("rack-7", "rack-7", "rack-7")],
      [
        /^master-1, master-2, master-3: all masters are in failure domain rack-7/,
        "move at least one to another domain and say so in its label topology.kubernetes.io/zone",
      ],
    ));
});
