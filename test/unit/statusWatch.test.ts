import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { frame, type Terminal, watch } from "../../status/watch";

const root = join(__dirname, "..", "..");

/** A terminal of so many rows, or a file; and what was written to it. */
class Screen implements Terminal {
  readonly writes: string[] = [];
  resized: (() => void) | undefined;
  constructor(
    readonly isTTY: boolean,
    public rows = 24,
  ) {}
  write = (text: string) => this.writes.push(text);
  on = (_: "resize", listener: () => void) => (this.resized = listener);
  off = () => (this.resized = undefined);
}

/** Watches until so many looks were taken. */
async function watched(looks: number, screen: Screen, text = (n: number) => `look ${n}\n`) {
  const stop = new AbortController();
  let n = 0;
  const status = await watch(
    () => {
      n++;
      if (n === looks) setTimeout(() => stop.abort(), 5);
      return Promise.resolve({ text: text(n), status: n });
    },
    0.001,
    screen,
    stop.signal,
  );
  return { status, n };
}

describe("the status that is looked at again and again", () => {
  it("redraws one screen, and leaves what was seen last behind", async () => {
    const screen = new Screen(true);
    const { status, n } = await watched(3, screen);
    const [first, ...frames] = screen.writes;
    const last = frames.pop();
    assert.equal(first, "\u001b[?1049h\u001b[?25l\u001b[?7l");
    assert.equal(frames.length, n);
    for (const one of frames)
      assert.match(one, /^\u001b\[Hevery 0\.001 s, at \d\d:\d\d:\d\d; Ctrl-C ends/);
    assert.equal(last, `\u001b[?7h\u001b[?25h\u001b[?1049llook ${n}\n`);
    assert.equal(status, n, "it is the last look's");
    assert.equal(screen.resized, undefined);
  });

  it("prints one text after the other where there is no terminal", async () => {
    const screen = new Screen(false);
    const { n } = await watched(2, screen);
    assert.equal(screen.writes.length, n);
    assert.doesNotMatch(screen.writes.join(""), /\u001b/);
    assert.match(screen.writes.join(""), /^\d\d:\d\d:\d\d\nlook 1\n\n\d\d:\d\d:\d\d\nlook 2\n/);
  });

  it("shows what fits, says how much does not, and draws anew when the window changes", () => {
    const lines = (text: string) =>
      text.split("\r\n").map((line) => line.replace(/\u001b\[[HKJ]/g, ""));
    assert.deepEqual(lines(frame("a\nb\nc\n", 3)), ["a", "b", "c"]);
    assert.deepEqual(lines(frame("a\nb\nc\nd\n", 3)), ["a", "b", "... 2 more lines"]);
    const screen = new Screen(true, 4);
    const done = watched(1, screen, () => "1\n2\n3\n4\n");
    return done.then(() => assert.match(screen.writes[1] ?? "", /\.\.\. 3 more lines/));
  });

  it("forgets a look that was cut short", async () => {
    const stop = new AbortController();
    const screen = new Screen(false);
    const look = () => {
      stop.abort();
      return Promise.resolve({ text: "nothing answers", status: 1 });
    };
    assert.equal(await watch(look, 1, screen, stop.signal), 2);
    assert.deepEqual(screen.writes, []);
  });

  it("shows a file that is wrong for a while, and ends with Ctrl-C", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundwork-watch-"));
    writeFileSync(join(folder, "cluster.yaml"), "cluster: {}\n");
    const child = spawn(
      process.execPath,
      [
        "-r",
        "ts-node/register",
        "commands/status.ts",
        "--watch",
        "--every",
        "1",
        "--file",
        join(folder, "cluster.yaml"),
      ],
      { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
    );
    let seen = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
      if (seen.split("problems").length > 2) child.kill("SIGINT");
    });
    const [code] = (await once(child, "close")) as [number];
    rmSync(folder, { recursive: true });
    assert.equal(code, 2);
    assert.equal(seen.match(/^\d\d:\d\d:\d\d\n.* has \d+ problems:$/gm)?.length, 2, seen);
  }).timeout(20_000);
});
