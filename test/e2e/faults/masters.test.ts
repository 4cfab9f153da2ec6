import assert from "node:assert/strict";
import { assertIsTheFile, assertNothingLost } from "../expected";
import { converge, without } from "../lab";
import { Writer, type WriterReport } from "../writer";

describe("the API, for a client that writes without pause", function () {
  this.timeout(600_000);
  let writer: Writer;
  let report: WriterReport;

  const under = async (change: () => unknown) => {
    writer = await Writer.start("api");
    try {
      change();
    } finally {
      report = await writer.stop();
    }
    assertNothingLost(report);
  };
  after(() => Writer.clean());

  it("is away for less than five seconds while the first master is removed", async () => {
    const restore = without("master-01");
    try {
      await under(converge);
      await assertIsTheFile();
    } finally {
      restore();
    }
    assert.ok(report.longestGap < 5, `the longest wait was ${report.longestGap} s`);
    assert.deepEqual(report.failed, []);
  });

  it("is away for less than five seconds while it is added again", async () => {
    await under(converge);
    await assertIsTheFile();
    assert.ok(report.longestGap < 5, `the longest wait was ${report.longestGap} s`);
    assert.deepEqual(report.failed, []);
  });
});
