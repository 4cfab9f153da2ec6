import assert from "node:assert/strict";
import { ownEndpoint } from "../../config/endpoint";
import { planOf, problemsOf, sampleFile, withValue } from "./clusterSample";

const withEndpoint = (endpoint: unknown) =>
  withValue(sampleFile(), ["cluster", "endpoint"], endpoint);

describe("where clients find the API", () => {
  it("is one host, written as a text or as a mapping", () => {
    for (const endpoint of ["api.example.org:7443", { host: "api.example.org:7443" }])
      assert.deepEqual(planOf(withEndpoint(endpoint)).endpoint, {
        host: "api.example.org",
        port: 7443,
      });
    assert.deepEqual(planOf(sampleFile()).endpoint, { host: "10.0.0.11", port: 6443 });
  });

  it("is the address that the masters share, of which the program itself is no client", () => {
    const plan = planOf(withEndpoint({ vip: "10.0.0.10", names: ["api.example.org"] }));
    const vip = { address: "10.0.0.10", routerId: 10 };
    assert.deepEqual(plan.endpoint, { host: "10.0.0.10", port: 6443, vip });
    assert.deepEqual(plan.kubernetes.apiServer.certSans, ["10.0.0.10", "api.example.org"]);
    assert.deepEqual(ownEndpoint(plan), { host: "10.0.0.11", port: 6443 });
    const named = planOf(withEndpoint({ vip: "10.0.0.0", host: "api.example.org", router_id: 7 }));
    assert.equal(named.endpoint.vip?.routerId, 7);
    assert.equal(ownEndpoint(named).host, "api.example.org");
    assert.equal(planOf(withEndpoint({ vip: "10.0.1.0" })).endpoint.vip?.routerId, 1);
  });

  const refused: readonly (readonly [object, RegExp])[] = [
    [{ vip: "10.0.0.11" }, /^cluster\.endpoint\.vip: 10\.0\.0\.11 is the address of nodes\[0\]/],
    [{ vip: "10.244.0.9" }, /^cluster\.endpoint\.vip: 10\.244\.0\.9 lies in the pod network/],
    [{ vip: "10.96.0.9" }, /^cluster\.endpoint\.vip: 10\.96\.0\.9 lies in the service network/],
    [{ vip: "api.example.org" }, /^cluster\.endpoint\.vip: api\.example\.org is a name/],
    [{ router_id: 5 }, /^cluster\.endpoint\.router_id: 5 is the number of an address that is not/],
    [{ names: ["https://a"] }, /^cluster\.endpoint\.names\[0\]: https:\/\/a is neither/],
    [{ virtual_ip: "10.0.0.9" }, /^cluster\.endpoint\.virtual_ip: virtual_ip is not known here/],
  ];
  for (const [endpoint, words] of refused)
    it(`is refused: ${JSON.stringify(endpoint)}`, () => {
      const problems = problemsOf(withEndpoint(endpoint));
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", words);
    });

  it("is refused where a master's network, as the file has it, does not hold the address", () => {
    const interfaces = [{ mac_address: "02:00:00:00:00:11", addresses: ["10.0.0.11/28"] }];
    const file = withValue(
      withEndpoint({ vip: "10.0.0.30" }),
      ["nodes", 0, "interfaces"],
      interfaces,
    );
    assert.match(
      problemsOf(file).join("\n"),
      /10\.0\.0\.30 is not in the network of nodes\[0\] \(master-01\), 10\.0\.0\.11\/28; give an unused/,
    );
  });
});
