import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeContents, order } from "./contents";
import { assertHolds, rewrite } from "./goldenFiles";
import type { Graph } from "./record";
import { recordSample } from "./samples";
import { describeTopology } from "./topology";

const folder = join(__dirname, "..", "golden");
const check = process.env.GOLDEN === "write" ? rewrite : assertHolds;

describe("the graph as text", () => {
  const graphs = new Map<string, Graph>();
  before(async () => {
    // One after the other: a recording has the process for itself.
    for (const sample of order) graphs.set(sample, await recordSample(sample));
  });

  it("is the topology under test/golden/topology", () => {
    const texts = [...graphs].map(
      ([sample, graph]) => [`${sample}.txt`, describeTopology(graph)] as const,
    );
    check(join(folder, "topology"), new Map(texts));
  });

  it("carries the contents under test/golden/contents", () =>
    check(join(folder, "contents"), describeContents(graphs)));
});

describe("the comparison with what is under version control", () => {
  const files = new Map([
    ["a.txt", "one\n"],
    ["b/c.txt", "two\n"],
  ]);
  let held: string;
  beforeEach(() => {
    held = mkdtempSync(join(tmpdir(), "groundwork-held-"));
    rewrite(held, files);
  });
  afterEach(() => rmSync(held, { recursive: true }));

  it("passes when all is as it was", () => assertHolds(held, files));

  it("fails of a file that changed, one that is missing, and one too many", () => {
    writeFileSync(join(held, "a.txt"), "another\n");
    assert.throws(() => assertHolds(held, files), /^-another\n\+one$/m);
    rewrite(held, new Map([["a.txt", "one\n"]]));
    assert.throws(() => assertHolds(held, files), /^\+two$/m);
    rewrite(held, files);
    cpSync(join(held, "a.txt"), join(held, "surplus.txt"));
    assert.throws(() => assertHolds(held, files), /surplus\.txt/);
  });

  it("leaves nothing behind when it is written anew", () => {
    writeFileSync(join(held, "surplus.txt"), "");
    rewrite(held, files);
    assertHolds(held, files);
  });
});
