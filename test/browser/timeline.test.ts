import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEvents } from "../../timeline/events";
import { pageData, renderPage } from "../../timeline/page";
import { eventLog, firstUp } from "../unit/eventLog";

/** What a script, run in the page by a browser that reaches no other machine, says of it. */
function inBrowser<T>(page: string, script: string, width = 1440): T {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-browser-"));
  const note =
    "window.faults = []; addEventListener('error', ({ message }) => faults.push(message));";
  const run = `const said = (() => { ${script} })();
    document.documentElement.replaceChildren(Object.assign(document.createElement("body"), { textContent: "SAID" + encodeURIComponent(JSON.stringify(said)) + "END" }));`;
  try {
    const file = join(folder, "page.html");
    writeFileSync(
      file,
      page
        .replace("<head>", () => `<head><script>${note}</script>`)
        .replace("</body>", () => `<script>${run}</script></body>`),
    );
    const { stdout, stderr, error } = spawnSync(
      "chromium",
      [
        ...["--headless", "--no-sandbox", "--disable-gpu", `--window-size=${width},900`],
        ...["--host-resolver-rules=MAP * ~NOTFOUND", `--user-data-dir=${join(folder, "profile")}`],
        ...["--virtual-time-budget=5000", "--dump-dom", `file://${file}`],
      ],
      { encoding: "utf8", timeout: 60_000 },
    );
    assert.ifError(error);
    const said = /SAID(.*)END/.exec(stdout)?.[1];
    assert.ok(said !== undefined, `${stdout.slice(0, 500)}${stderr}`);
    return JSON.parse(decodeURIComponent(said)) as T;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const steps = firstUp(3, 2);
const page = (of = steps) => renderPage(pageData(readEvents(eventLog(of))));
const all = "const all = (what) => [...document.querySelectorAll(what)];";

describe("the timeline in a browser", function () {
  this.timeout(120_000);

  it("is drawn without a fault, without another file, and within the window", () => {
    for (const width of [1440, 800]) {
      const seen = inBrowser<{
        faults: string[];
        loaded: number;
        rows: number;
        bars: number;
        outside: number;
        thin: number;
        overflow: number;
      }>(
        page(),
        `${all}
        const chart = document.querySelector(".chart").getBoundingClientRect();
        const bars = all(".row.item .bar").filter((it) => it.offsetParent).map((it) => it.getBoundingClientRect());
        return {
          faults, loaded: performance.getEntriesByType("resource").length,
          rows: all(".row.group").length, bars: bars.length,
          outside: bars.filter(({ left, right }) => left < chart.left || right > chart.right + 1).length,
          thin: bars.filter(({ width, height }) => width < 2 || height < 5).length,
          overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        };`,
        width,
      );
      const machines = 5;
      const unfolded = steps.filter(
        ({ type = "", component }) => !component && !/^(tls|random):/.test(type),
      );
      assert.deepEqual(seen, {
        faults: [],
        loaded: 0,
        rows: machines + 3,
        bars: unfolded.length,
        outside: 0,
        thin: 0,
        overflow: 0,
      });
    }
  });

  it("has what began later further right, and what took longer wider", () => {
    const [prepare, kubelet] = inBrowser<{ left: number; width: number }[]>(
      page(),
      `${all} const row = (name) => all(".row.item").find((it) => it.dataset.find.includes(name)).querySelector(".bar").getBoundingClientRect().toJSON();
      return ["master-01-prepare", "master-01-kubelet"].map(row);`,
    );
    assert.ok(prepare && kubelet && prepare.left + prepare.width < kubelet.left);
    assert.ok(prepare.width > kubelet.width);
  });

  it("marks what failed, and what did not end", () => {
    const bad = steps.map((step) =>
      step.name === "worker-02-kubelet"
        ? { ...step, failed: true }
        : step.name === "worker-02-admit"
          ? { ...step, end: undefined }
          : step,
    );
    const seen = inBrowser<{ facts: string[]; color: string; mark: string; open: number }>(
      page(bad),
      `${all} const bar = document.querySelector(".row.item .bar.failed");
      return { facts: all(".fact.failed").map((it) => it.innerText.replace(/\\n/g, " ")),
        color: getComputedStyle(bar).backgroundColor, mark: getComputedStyle(bar, "::after").content,
        open: all(".row.item .bar.open").length };`,
    );
    assert.deepEqual(seen, {
      facts: ["1 failed worker-02-kubelet", "1 not ended worker-02-admit"],
      color: "rgb(217, 45, 32)",
      mark: '"✕"',
      open: 1,
    });
  });

  it("says of a bar under the pointer what it is, when and how long", () => {
    const text = inBrowser<string>(
      page(),
      `${all} const bar = all(".row.item .bar").find((it) => it.dataset.find.includes("master-01-prepare"));
      bar.dispatchEvent(new PointerEvent("pointerenter"));
      bar.dispatchEvent(new PointerEvent("pointermove", { clientX: 300, clientY: 300 }));
      const tip = document.getElementById("tip");
      return tip.checkVisibility() ? tip.innerText : "nothing shows";`,
    );
    assert.match(
      text,
      /^master-01-prepare\ncommand:remote:Command\ncreated in 8\.\d s\nfrom 0:07 to 0:15/,
    );
  });

  it("finds by a part of a name, in folded groups too, and shows all again", () => {
    const seen = inBrowser<{ found: string[]; heads: number; after: number; before: number }>(
      page(),
      `${all} const shown = () => all(".row.item").filter((it) => it.checkVisibility());
      const search = document.getElementById("search");
      const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
      document.getElementById("fold").click();
      const before = shown().length;
      type("Control-PLANE");
      const found = shown().map((it) => it.querySelector(".bar").dataset.find.split(" ")[0]);
      const heads = all(".row.group").filter((it) => it.checkVisibility()).length;
      type("");
      return { before, found, heads, after: shown().length };`,
    );
    assert.deepEqual(seen, {
      before: 0,
      found: ["master-01-control-plane", "master-02-control-plane", "master-03-control-plane"],
      heads: 3,
      after: 0,
    });
  });

  it("unfolds a group by a click, and folds all of them", () => {
    const counts = inBrowser<number[]>(
      page(),
      `${all} const shown = () => all(".row.item").filter((it) => it.checkVisibility()).length;
      const fold = document.getElementById("fold");
      fold.click();
      const folded = shown();
      document.querySelector(".row.group").click();
      const one = shown();
      fold.click(); fold.click();
      return [folded, one, shown()];`,
    );
    assert.deepEqual(counts, [
      0,
      8,
      steps.filter(({ component, op }) => !component && op !== "same").length,
    ]);
  });

  it("grows under the zoom, which keeps the second in the middle where it is", () => {
    const seen = inBrowser<{ grown: number; moved: number; scale: string; ticks: number[] }>(
      page(),
      `${all} const axis = document.querySelector(".axis .track"), chart = document.querySelector(".chart");
      const middle = () => (chart.scrollLeft + chart.clientWidth / 2 - axis.offsetLeft) / axis.clientWidth;
      const ticks = () => all(".axis .tick").length;
      const before = { width: axis.clientWidth, at: middle(), ticks: ticks() };
      document.getElementById("in").click(); document.getElementById("in").click();
      return { grown: axis.clientWidth / before.width, moved: Math.abs(middle() - before.at), scale: document.getElementById("scale").innerText, ticks: [before.ticks, ticks()] };`,
    );
    assert.ok(Math.abs(seen.grown - 4) < 0.1, `${seen.grown}`);
    assert.ok(seen.moved < 0.01, `${seen.moved}`);
    assert.equal(seen.scale, "4×");
    assert.ok((seen.ticks[1] ?? 0) > (seen.ticks[0] ?? 0), `${seen.ticks.join(" ")}`);
  });
});
