import assert from "node:assert/strict";
import fc from "fast-check";
import { readFacts } from "../../components/facts";
import { hasBegun, mark, printable, readReport } from "../../ssh/report";
import { report } from "../../status/report";
import { gather } from "../../status/cluster";
import { document } from "../../status/document";
import { judge } from "../../status/judge";
import { plain } from "../../status/paint";
import { screen } from "../../status/screen";
import { now, plan, statusWith } from "./statusSample";

const bare = { clock: 1763726400.123, host: "a", lock: null };
const framed = (data: unknown) => `\n${mark}${JSON.stringify(data)}\n`;
const facts = {
  os: "debian 13",
  kernel: "6.12.0",
  architecture: "amd64",
  cpus: 2,
  memoryMiB: 4096,
  machineId: "0123456789abcdef".repeat(2),
  macAddress: "02:00:00:00:00:01",
  productUuid: "",
  cgroup: "v2",
};
/** C0 but for the line break, DEL, C1, and what turns the direction of a text. */
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\u001b", "\u009b", "\u007f", "\u202e", "\r", "\n", "\b", "\ud800", '"', "\\"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});

describe("a report", () => {
  it("is found in whatever a login shell prints before and behind it", () => {
    const noise = nasty.filter((text) => !hasBegun(text));
    fc.assert(
      fc.property(noise, noise, (before, behind) => {
        assert.equal(readReport(`${before}${framed(bare)}${behind}`, report).host, "a");
      }),
    );
  });

  for (const [what, output, message] of [
    ["nothing", " \n", /^it printed nothing instead of a report$/],
    [
      "a shell's complaint",
      "\nsudo: a password\u001b[2J is required\nmore\n",
      /^it printed "sudo: a password \[2J is required" instead of a report$/,
    ],
    ["a report without its mark", JSON.stringify(bare), /^it printed .* instead of a report$/],
    ["half a report", framed(bare).slice(0, 40), /cut short or damaged after 39 characters/],
    ["another kind", framed({ ...bare, lock: 7 }), /not understood: lock: /],
    ["a number for a word", framed({ ...bare, host: 1 }), /not understood: host: /],
    ["a time that is none", framed({ ...bare, booted: "x" }), /not understood: booted: no time/],
    ["a name of its own", framed({ ...bare, state: { "\u001b": "x" } }), /understood: state\. : /],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => readReport(output, report), { message });
    });
  }

  it("that nests without end is one that is not understood", () => {
    const deep = `${mark}{"clock":1,"host":"a","lock":${"[".repeat(1e6)}${"]".repeat(1e6)}}`;
    assert.throws(() => readReport(deep, report), Error);
  });

  it("is known to have begun as soon as its mark is there, and not before", () => {
    const output = `Welcome${framed(bare)}`;
    const at = output.indexOf(mark) + mark.length;
    assert.deepEqual(
      [hasBegun(output.slice(0, at - 1)), hasBegun(output.slice(0, at))],
      [false, true],
    );
    assert.equal(hasBegun(`see ${mark}`), false);
  });
});

describe("what others wrote", () => {
  it("is one line that controls nothing, and no longer than it may be", () => {
    fc.assert(
      fc.property(nasty, fc.integer({ min: 1, max: 20 }), (text, limit) => {
        const shown = printable(text, limit);
        assert.doesNotMatch(shown, controls);
        assert.ok(!/\n|\p{Cs}/u.test(shown) && shown.length <= limit, shown);
      }),
    );
    assert.equal(printable("Grüße, 世界"), "Grüße, 世界");
    assert.equal(printable("ab🌀cd", 4), "ab …");
  });

  /** A value with every text in it replaced; names of what the file lists stay. */
  const spoil = (value: unknown, text: () => string): unknown => {
    if (typeof value === "string")
      return plan.nodes.some(({ name }) => name === value) || !Number.isNaN(Date.parse(value))
        ? value
        : value + text();
    if (Array.isArray(value)) return value.map((inner) => spoil(inner, text));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, spoil(inner, text)]),
    );
  };

  it("reaches no screen and no document as it is, whoever said it", () => {
    fc.assert(
      fc.property(fc.infiniteStream(nasty), (texts) => {
        const next = () => String(texts.next().value);
        const answers = statusWith({}).answers.map((answer) => {
          if (!("report" in answer)) throw new Error(answer.failure);
          return { ...answer, report: readReport(framed(spoil(answer.report, next)), report) };
        });
        const status = gather(plan, answers, now);
        const findings = judge(status);
        const how = { paint: plain, width: 100, seconds: 1 };
        assert.doesNotMatch(screen(status, findings, how), controls);
        assert.doesNotMatch(document(status, findings, { healthy: false, seconds: 1 }), controls);
      }),
      { numRuns: 50 },
    );
  });

  it("is no fact where it is not of its kind", () => {
    assert.deepEqual(readFacts(framed(facts), "worker-01", "urn"), facts);
    for (const wrong of [
      { machineId: "the-same" },
      { macAddress: "\u001b[2J" },
      { productUuid: "x" },
      { os: "x".repeat(101) },
      { kernel: "" },
      { architecture: "mips" },
      { cpus: -1 },
      { memoryMiB: "many" },
      { cgroup: "v3" },
      { more: 1 },
    ]) {
      const read = readFacts(framed({ ...facts, ...wrong }), "worker-01", "urn:x");
      assert.ok("unreadable" in read, JSON.stringify(wrong));
      assert.match(
        read.unreadable,
        /^what preflight left of worker-01 in the state is no report: /,
      );
      assert.match(read.unreadable, /what to do: .*pulumi up --replace 'urn:x'.*generation/);
      assert.doesNotMatch(read.unreadable, controls);
    }
  });
});
