import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "..", "..");
const text = readFileSync(join(root, "docs/architecture.md"), "utf8");

describe("the map in docs/architecture.md", () => {
  const walk = [...text.matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path = ""]) => path);

  it("leads from the file to a node's kubelet in twelve files, and into no folder twice", () => {
    assert.ok(walk.length > 0 && walk.length <= 12, walk.join(", "));
    const folders = walk.map((path) => path.split("/").slice(0, -1)[0] ?? "");
    const entered = folders.filter((folder, i) => folder !== folders[i - 1]);
    assert.deepEqual(entered, [...new Set(entered)]);
  });

  it("names only what is there", () => {
    const paths = [...text.matchAll(/`((?:[a-zA-Z-]+\/)+[\w.*-]*)`/g)].map(([, path = ""]) => path);
    const ours = paths.filter(
      (path) =>
        /^(arguments|commands|components|config|init|lab|library|manifests|policies|ssh|status|steps|test|timeline)\//.test(
          path,
        ) && !/STEP|\*/.test(path),
    );
    assert.ok(ours.length > 30, `${ours.length} paths`);
    for (const path of [...walk, ...ours]) assert.ok(existsSync(join(root, path)), path);
  });
});
