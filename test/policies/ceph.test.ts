import { assertAllowed, assertRefused, cluster } from "./harness";

const pools = (...sizes: number[]) =>
  cluster({ pools: sizes.map((size) => ({ name: `pool-of-${size}`, size })) });

describe("policy no-single-copy-pools", () => {
  const policy = "no-single-copy-pools";

  it("allows two copies and more, and a cluster without Ceph", async () => {
    await assertAllowed(policy, [pools(2, 3, 4)]);
    await assertAllowed(policy, [cluster()]);
  });

  it("refuses one", () =>
    assertRefused(
      policy,
      [pools(1, 3)],
      [
        /^pool-of-1: keeps 1 copy of its data, which is lost with one disk;/,
        "set cluster.ceph.pool_size, or the size of pool pool-of-1, to 2 or more",
      ],
    ));
});

describe("policy three-copy-pools", () => {
  const policy = "three-copy-pools";

  it("is content with three", () => assertAllowed(policy, [pools(3, 4)]));

  it("advises against two, and leaves one to its own policy", async () => {
    await assertRefused(policy, [pools(2)], [/^pool-of-2: keeps 2 copies .*; .* to 3 or more/]);
    await assertAllowed(policy, [pools(1)]);
  });
});
