import assert from "node:assert/strict";
import { judgeEndpoint } from "../../status/judge/endpoint";
import { summary } from "../../status/summary";
import type { Report } from "../../status/report";
import { type Bend, plan, statusWith } from "./statusSample";

const vip = { address: "10.0.0.10", routerId: 10 };
const masters = plan.masters.map(({ name }) => name);

/** The cluster whose masters share an address, which these hold. */
function heldBy(...holders: readonly string[]) {
  const bends = masters.map((name): [string, Bend] => [
    name,
    (report: Report) => {
      const claim = report.steps.claim;
      if (claim) report.steps.vip = claim;
      report.vip = { address: vip.address, held: holders.includes(name) };
    },
  ]);
  const status = statusWith(Object.fromEntries(bends));
  return { ...status, plan: { ...plan, endpoint: { host: vip.address, port: 6443, vip } } };
}

const found = (...holders: readonly string[]) =>
  judgeEndpoint(heldBy(...holders)).map(({ what }) => what);

describe("the status of the API's address", () => {
  it("is good where one master holds it, whom the summary names", () => {
    assert.deepEqual(found("master-02"), []);
    const lines = summary(heldBy("master-02")).map((line) =>
      line.map(({ text }) => text).join(" "),
    );
    assert.match(lines.join("\n"), /3 API servers answer, 10\.0\.0\.10 at master-02,/);
  });

  it("is bad where nobody holds it, or more than one", () => {
    assert.match(
      found().join("\n"),
      /^no master that answers holds the API's address 10\.0\.0\.10/,
    );
    assert.match(
      found("master-01", "master-03").join("\n"),
      /^master-01 and master-03 hold the API's address 10\.0\.0\.10 at once/,
    );
  });

  it("is not judged where masters share none, or none of them has come so far", () => {
    assert.deepEqual(judgeEndpoint(statusWith()), []);
    const { plan } = heldBy();
    assert.deepEqual(judgeEndpoint({ ...statusWith(), plan }), []);
  });
});
