import { assertAllowed, assertRefused, cluster, unknownValue } from "./harness";

const policy = "disjoint-networks";

describe(`policy ${policy}`, () => {
  it("allows networks that share no address", () => assertAllowed(policy, [cluster()]));

  it("refuses overlapping pod and service networks", () =>
    assertRefused(
      policy,
      [cluster({ podCidr: "10.0.0.0/8" })],
      [
        /^prod: pod network 10\.0\.0\.0\/8 and service network 10\.96\.0\.0\/16 overlap;/,
        "give cluster.networking.pod_cidr and service_cidr two networks",
      ],
    ));

  it("refuses a node inside the pod network", () =>
    assertRefused(
      policy,
      [cluster({ nodes: [{ name: "w1", ip: "10.244.3.4", roles: ["worker"] }] })],
      [
        /^w1: address 10\.244\.3\.4 lies in 10\.244\.0\.0\/16/,
        "give cluster.networking.pod_cidr another network",
      ],
    ));

  it("refuses it beside one whose address is not known yet", () =>
    assertRefused(
      policy,
      [
        cluster({
          endpoint: unknownValue,
          nodes: [
            { name: "m1", ip: unknownValue, roles: ["master"] },
            { name: "w1", ip: "10.244.3.4", roles: ["worker"] },
          ],
        }),
      ],
      [/^w1: address 10\.244\.3\.4 lies in/],
    ));

  it("refuses an endpoint inside the service network", () =>
    assertRefused(
      policy,
      [cluster({ endpoint: "10.96.0.9" })],
      [/^endpoint of prod: address 10\.96\.0\.9 lies in 10\.96\.0\.0\/16/],
    ));
});
