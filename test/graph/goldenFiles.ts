import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Enough of a diff to see what changed; the whole is what `make golden` and `git diff` show. */
const shownLines = 80;

function write(folder: string, files: ReadonlyMap<string, string>): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Makes a folder under version control hold exactly these files: path -> text. */
export function rewrite(folder: string, files: ReadonlyMap<string, string>): void {
  rmSync(folder, { recursive: true, force: true });
  write(folder, files);
}

/** Fails unless a folder holds exactly these files: one that is missing, one too many and another text are told alike. */
export function assertHolds(folder: string, files: ReadonlyMap<string, string>): void {
  const now = mkdtempSync(join(tmpdir(), "groundwork-golden-"));
  try {
    write(now, files);
    const { status, stdout, stderr } = spawnSync("diff", ["-ruN", "-U2", folder, now], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    if (status === 0) return;
    const lines = `${stdout}${stderr}`.replaceAll(now, "as it is").split("\n");
    const more = lines.length - shownLines;
    assert.fail(
      [
        "the graph has changed. If it was meant to, run 'make golden' and commit the difference:",
        ...lines.slice(0, shownLines),
        ...(more > 0 ? [`... and ${more} lines more`] : []),
      ].join("\n"),
    );
  } finally {
    rmSync(now, { recursive: true });
  }
}
