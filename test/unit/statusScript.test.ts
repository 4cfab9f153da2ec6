import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readReport } from "../../ssh/report";
import { report } from "../../status/report";
import { FakeMachine } from "./fakeMachine";

const script = readFileSync(join(__dirname, "../../scripts/status.sh"), "utf8");

/** A Node with the status that its kubelet wrote. */
const nodeWith = (name: string, conditions: unknown) => ({
  metadata: { name, creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: {},
  status: {
    nodeInfo: { kubeletVersion: "v1.36.3", containerRuntimeVersion: "containerd://1" },
    conditions,
  },
});

describe("what a machine is asked for its status", () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
    machine.lock("uuid", "master-01");
    machine.write("etc/kubernetes/admin.conf", JSON.stringify({ users: [{ user: {} }] }));
    machine.write("etc/os-release", "PRETTY_NAME=Debian\n");
    const programs = {
      curl: 'case $* in */version*) cat "$FAKE_ROOT/state/answers" ;; esac',
      df: "echo 100 50",
    };
    for (const [name, does] of Object.entries(programs)) {
      // The link, not the program it leads to.
      machine.remove(`bin/${name}`);
      machine.write(`bin/${name}`, `#!/bin/sh\n${does}\n`, 0o755);
    }
  });
  afterEach(() => machine.close());

  /** What it says as a master, where the API server knows these Nodes. */
  const ask = (nodes: readonly unknown[], how: string) => {
    const rest = [{ items: [] }, { items: [] }, { items: [] }];
    const answers = [{ gitVersion: "v1.36.3" }, { items: nodes }, ...rest];
    machine.write("state/answers", answers.map((one) => JSON.stringify(one)).join("\n"));
    const { stdout, stderr } = machine.run(script.replace(/^main "\$@"/m, `main ${how}`));
    return stdout || stderr;
  };
  const control = "\u001b[2J\u009b1m\u007f";
  const nodes = [
    nodeWith("master-01", [
      { type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z", message: "ok" },
    ]),
    nodeWith("worker-01", [{ type: "Ready", status: "False", message: control.repeat(1000) }]),
    nodeWith("worker-02", [
      { type: "Ready", status: "False" },
      { type: "Ready", status: "True" },
      ...Array.from({ length: 1000 }, () => ({ type: control.repeat(100), status: "True" })),
    ]),
    nodeWith("worker-03", undefined),
  ];

  it("is a report, whatever a kubelet wrote into its Node", () => {
    const { kubernetes } = readReport(`Welcome${ask(nodes, "--report")}\nBye`, report);
    assert.deepEqual(
      kubernetes?.nodes.map(({ name, ready }) => [name, ready?.status]),
      [
        ["master-01", "True"],
        ["worker-01", "False"],
        ["worker-02", "False"],
        ["worker-03", undefined],
      ],
    );
    assert.ok(JSON.stringify(kubernetes).length < 10_000);
  });

  it("says nothing that controls a terminal, by hand either", () => {
    for (const how of ["--json", ""]) {
      const said = ask(nodes, how);
      assert.match(said, /worker-01/);
      assert.doesNotMatch(said, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/, how);
    }
  });
});
