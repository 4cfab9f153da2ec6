import assert from "node:assert/strict";
import { recordSample } from "../graph/samples";
import type { Graph } from "../graph/record";
import { FakeMachine } from "./fakeMachine";
import { stepOf, take } from "./furnish";

describe("the machine's journal", function () {
  this.timeout(60_000);
  let small: Graph;
  let machine: FakeMachine;
  before(async () => {
    small = await recordSample("small");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, small, "worker-01");
  });
  afterEach(() => machine.close());

  const prepare = () => machine.run(stepOf(small, "worker-01", "prepare"));

  it("has every line that a step tells, word for word, and how it ended", () => {
    const { stdout, stderr, calls } = prepare();
    const journal = machine.read("journal");
    assert.equal(journal, `${stderr}worker-01: prepare: ${stdout}\n`);
    assert.match(journal, /^worker-01: wrote \S+$/m);
    // One program for all that was put in place at once.
    const wrote = journal.match(/: wrote /g)?.length ?? 0;
    assert.ok(calls.filter((call) => call.startsWith("logger ")).length < wrote + 5);
    machine.remove("journal");
    assert.equal(prepare().stdout, "unchanged");
    assert.equal(machine.read("journal"), "worker-01: prepare: unchanged\n");
  });

  it("has why a step failed, and what to do, with nothing in it that controls a terminal", () => {
    machine.lock("another", "worker-01");
    const { status, stderr } = prepare();
    assert.equal(status, 1);
    const journal = machine.read("journal");
    assert.match(
      journal,
      /^groundwork: prepare failed on worker-01 \(10\.0\.0\.21\): the node's lock /,
    );
    assert.match(journal, /^ {2}what to do: /m);
    assert.ok(stderr.endsWith(journal), stderr);
  });

  it("may be missing", () => {
    const program = stepOf(small, "worker-01", "prepare").replace(
      "main() {\n",
      "main() {\nlogger() { return 1; }\n",
    );
    assert.equal(machine.run(program).status, 0);
  });
});
