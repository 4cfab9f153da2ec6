import assert from "node:assert/strict";
import { askDashboard, dashboards } from "./dashboard";
import { assertIsTheFile } from "./expected";
import { converge, editCluster, eventually, must, up } from "./lab";

const rotate = (field: string) =>
  editCluster((file) => file.setIn(["cluster", "ceph", "rotations", field], 2));
/** Every dashboard is believed by somebody who trusts these certificates alone. */
const assertBelieved = async (ca: string) => {
  for (const url of dashboards().urls) await eventually(() => askDashboard(url, ca), 60);
};

/** On the machines of `clusters/volumes.yaml`. */
describe("the authority of Ceph's dashboards, which another follows", function () {
  this.timeout(600_000);
  let former = "";

  before(async () => {
    must("pulumi stack select dev --create");
    editCluster((file) => file.setIn(["cluster", "ceph", "dashboard"], true));
    converge();
    former = dashboards().ca;
    await assertBelieved(former);
  });

  it("is vouched for by the former, which is still trusted", async () => {
    rotate("authority");
    const { status, output } = up();
    assert.equal(status, 0, output);
    assert.match(output, /Authority of Ceph's dashboards 1 -> 2/);
    const { ca } = dashboards();
    assert.ok(ca.endsWith(former) && ca !== former);
    await assertBelieved(former);
    await assertBelieved(ca.slice(0, -former.length));
    await assertIsTheFile();
  });

  it("is alone when the former is ended", async () => {
    const both = dashboards().ca;
    rotate("oldest_authority");
    const { status, output } = up();
    assert.equal(status, 0, output);
    const { urls, ca } = dashboards();
    assert.equal(ca, both.slice(0, -former.length));
    await assertBelieved(ca);
    for (const url of urls)
      await assert.rejects(askDashboard(url, former), /unable to (verify|get)|self-signed/);
    await assertIsTheFile();
  });
});
