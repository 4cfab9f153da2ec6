import { assertAllowed, assertRefused, cluster } from "./harness";

const upgrade = (from: string | undefined, to: string) =>
  cluster({ kubernetesVersion: to, before: { kubernetesVersion: from } });

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

describe("policy no-kubernetes-downgrade", () => {
  it("allows a first installation, the same and a newer version", async () => {
    for (const from of [undefined, "1.36.3", "1.36.2", "1.35.9"]) {
      await assertAllowed("no-kubernetes-downgrade", [upgrade(from, "1.36.3")]);
    }
  });

  it("refuses an older patch or minor version", async () => {
    for (const from of ["1.36.4", "1.37.0"]) {
      await assertRefused(
        "no-kubernetes-downgrade",
        [upgrade(from, "1.36.3")],
        [
          new RegExp(`^prod: Kubernetes 1\\.36\\.3 is older than ${from}, which runs;`),
          `set cluster.kubernetes.version to ${from} or newer`,
        ],
      );
    }
  });
});

describe("policy one-kubernetes-minor-at-a-time", () => {
  it("allows a first installation and the next minor version", async () => {
    for (const from of [undefined, "1.35.9"]) {
      await assertAllowed("one-kubernetes-minor-at-a-time", [upgrade(from, "1.36.3")]);
    }
  });

  it("refuses to skip one", () =>
    assertRefused(
      "one-kubernetes-minor-at-a-time",
      [upgrade("1.34.9", "1.36.3")],
      [
        /^prod: from Kubernetes 1\.34\.9 to 1\.36\.3 is more than one minor version;/,
        "upgrade to 1.35 first",
      ],
    ));
});
