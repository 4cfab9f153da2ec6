import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost, fileNodes, unlock } from "./expected";
import {
  converge,
  editCluster,
  eventually,
  kubectl,
  must,
  preview,
  setNode,
  stepsOf,
  up,
} from "./lab";
import { Operator } from "./operator";
import { bootOf, boots, cutPower, outdated, patch, Sentry } from "./patched";
import { Watcher, workload } from "./workload";
import { Writer } from "./writer";

const takesPods = () => assert.doesNotMatch(kubectl("get nodes"), /SchedulingDisabled/);
const maintenance = (number: number) =>
  editCluster((file) => file.setIn(["cluster", "maintenance"], number));

/** On the machines of kubernetes.yaml, each with a package of which its archive has a newer version. */
describe("machines that are maintained", function () {
  this.timeout(900_000);
  const bootsBefore = new Map<string, string>();
  const isRefused = (words: RegExp) => {
    const { status, output } = up();
    assert.notEqual(status, 0, output);
    assert.match(output, words);
    takesPods();
    for (const [node, boot] of bootsBefore) assert.equal(bootOf(node), boot, node);
  };

  before(() => {
    must("pulumi stack select dev --create");
    editCluster((file) =>
      file.setIn(["cluster", "kubernetes", "rollout"], { batch: 1, drain_seconds: 20 }),
    );
    converge();
    workload(2);
    for (const node of fileNodes()) bootsBefore.set(node, bootOf(node));
  });
  after(() => Writer.clean());

  it("are not troubled where their packages cannot be fetched", () => {
    const restore = setNode("worker-01", "maintenance", 1);
    isRefused(
      /maintain failed on worker-01 .*: its package sources do not all answer: [^]*No pod has left worker-01/,
    );
    restore();
  });

  it("are left as they were where a budget spares no pod, which is named", () => {
    for (const node of fileNodes()) outdated(node);
    workload(3);
    const restore = setNode("worker-01", "maintenance", 1);
    isRefused(
      /worker-01 cannot be spared for maintenance 1: it could not be emptied within 20 s: default\/web-/,
    );
    restore();
    workload(2);
  });

  it("show in a preview who goes when", () => {
    const restore = maintenance(1);
    const { status, output } = preview("--diff");
    restore();
    assert.equal(status, 0, output);
    assert.match(
      output,
      /Maintenance, one line after the other[^]*master-01: packages fetched, drained, [^]*worker-02: packages fetched/,
    );
  });

  it("go one after the other, each once, while an operator is killed and power cut, and no client notices", async () => {
    maintenance(1);
    const writer = await Writer.start("api");
    const watcher = new Watcher();
    const sentry = new Sentry(10250);
    const begins = (node: string) => async (operator: Operator) => {
      await operator.until(({ step }) => step.endsWith(` ${node}-maintain`));
      await eventually(() => assert.equal(boots(node), 2), 200);
    };
    // Killed while a master is on its way back.
    let operator = new Operator();
    await begins("master-02")(operator);
    operator.kill();
    await operator.result;
    unlock();
    // Killed while a worker is, which then loses its power, too.
    operator = new Operator();
    await begins("worker-01")(operator);
    operator.kill();
    await operator.result;
    unlock();
    cutPower("worker-01");
    const result = up();
    const report = await writer.stop();
    const available = watcher.stop();
    const away = sentry.stop();
    assert.equal(result.status, 0, result.output);
    assertNothingLost(report);
    console.log(`      fewest pods available: ${available}, most machines away: ${away}`);
    assert.deepEqual(report.failed, []);
    assert.ok(available >= 2, `${available} pods were available`);
    assert.equal(away, 1, sentry.seen().join("\n"));
    takesPods();
    for (const node of fileNodes()) {
      assert.equal(patch(node), "2", node);
      // Power was cut at one.
      assert.equal(boots(node), node === "worker-01" ? 3 : 2, node);
    }
    await assertIsTheFile();
  });

  it("are not maintained again for the same number, nor for a lower one", () => {
    for (const number of [1, 0]) {
      maintenance(number);
      const result = up();
      assert.equal(result.status, 0, result.output);
    }
    for (const node of fileNodes()) assert.equal(boots(node), node === "worker-01" ? 3 : 2, node);
  });

  it("are maintained alone where one's own number is raised", () => {
    setNode("worker-02", "maintenance", 2);
    const result = up();
    assert.equal(result.status, 0, result.output);
    assert.deepEqual(stepsOf(result), ["worker-02-maintain"]);
    assert.equal(boots("worker-02"), 3);
    takesPods();
  });
});
