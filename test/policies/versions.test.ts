import { assertAllowed, assertRefused, cluster } from "./harness";

describe("policy supported-kubernetes", () => {
  it("allows a version within the window", async () => {
    for (const kubernetesVersion of ["1.34.0", "1.35.0", "1.36.9"])
      await assertAllowed("supported-kubernetes", [cluster({ kubernetesVersion })]);
  });

  it("refuses older and newer ones", async () => {
    for (const version of ["1.33.9", "1.99.0"]) {
      await assertRefused(
        "supported-kubernetes",
        [cluster({ kubernetesVersion: version })],
        [
          new RegExp(`^prod: Kubernetes ${version} is not within 1\\.34 to 1\\.36;`),
          "set cluster.kubernetes.version to one of these",
        ],
      );
    }
  });

  it("takes the window an operator configures", async () => {
    const old = cluster({ kubernetesVersion: "1.34.1" });
    await assertRefused("supported-kubernetes", [old], ["1.35 to 1.36"], { oldest: "1.35" });
  });
});
