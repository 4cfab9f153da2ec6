import assert from "node:assert/strict";

const name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`;
const sample = new RegExp(`^(${name})(?:\\{(${label}(?:,${label})*)\\})? (\\d+)$`);

/** Every sample of a text in Prometheus' format; each metric with its help and type just before, and no sample twice. */
export function parseMetrics(text: string): Map<string, number> {
  assert.ok(text.endsWith("\n"));
  const samples = new Map<string, number>();
  const known = new Set<string>();
  let current = "";
  const lines = text.split("\n").slice(0, -1);
  lines.forEach((line, i) => {
    if (line.startsWith("# HELP ")) {
      current = line.split(" ")[2] ?? "";
      assert.ok(!known.has(current), `${current} begins twice`);
      known.add(current);
      assert.equal(lines[i + 1], `# TYPE ${current} gauge`);
    }
    if (line.startsWith("# ")) return;
    const [, metric = "", labels, value] = sample.exec(line) ?? [];
    assert.equal(metric, current, line);
    const key = labels === undefined ? metric : `${metric}{${labels}}`;
    assert.ok(!samples.has(key), `${line} is there twice`);
    samples.set(key, Number(value));
  });
  return samples;
}
