import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeGraph } from "./golden";
import { recordSample, samples } from "./samples";

const folder = join(__dirname, "..", "golden");
const write = process.env.GOLDEN === "write";

/** Enough of a diff to see what changed; the whole is what `make golden` and `git diff` show. */
const shownLines = 80;

describe("the graph as text", () => {
  for (const sample of samples) {
    it(`is what test/golden/${sample}.txt says`, async () => {
      const path = join(folder, `${sample}.txt`);
      const text = describeGraph(await recordSample(sample));
      if (write) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(path, text);
        return;
      }
      const { status, stdout, stderr } = spawnSync(
        "diff",
        [
          "--unified=2",
          "--show-function-line=^[^ #].*:$",
          "--label=as it was",
          "--label=as it is",
          path,
          "-",
        ],
        { input: text, encoding: "utf8" },
      );
      if (status === 0) return;
      const lines = `${stdout}${stderr}`.split("\n");
      const more = lines.length - shownLines;
      assert.fail(
        [
          `the graph of '${sample}' has changed. If it was meant to, run 'make golden' and commit the difference:`,
          ...lines.slice(0, shownLines),
          ...(more > 0 ? [`... and ${more} lines more`] : []),
        ].join("\n"),
      );
    });
  }
});
