import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { leftovers } from "./expected";
import { clusterFile, destroyCommand, run } from "./lab";

const { nodes } = parse(readFileSync(clusterFile, "utf8")) as { nodes: { name: string }[] };

describe("pulumi destroy", function () {
  this.timeout(300_000);

  it("succeeds", () => {
    const result = run(destroyCommand, { seconds: 280 });
    assert.equal(result.status, 0, result.output);
  });

  for (const { name } of nodes) {
    it(`leaves ${name} as it was found, and the lock released`, () => {
      assert.equal(leftovers(name), "");
    });
  }
});
