import assert from "node:assert/strict";
import { type Graph } from "../graph/record";
import { recordSample } from "../graph/samples";
import { assertRefused, FakeMachine, programOf } from "./fakeMachine";
import { take } from "./furnish";

const rules = "etc/groundwork/firewall/rules.nft";

/**
 * nft, which keeps what was loaded as a text: `state/kernel`, or in another network namespace `state/aside`. Its lists have the
 * elements as they stand there, and as `leaving` those with a timeout.
 */
const nft = `#!/bin/bash
at=$FAKE_ROOT/state/\${ASIDE:-kernel}
elements() { awk -v name="$1" '$1 == "set" { own = $2 == name } own && /^ *[0-9.]+(\\/[0-9]+)?,/ { sub(/,.*/, ""); print $1 }' "$at"; }
leaving() { sed -nE "s/^add element inet groundwork $1 \\{ ([0-9.]+) timeout ([0-9]+)s \\}/\\1 \\2/p" "$at"; }
echo "nft \${ASIDE-}$*" >>"$FAKE_ROOT/state/nft"
case $* in
  '-c -f '*) [ ! -e "$FAKE_ROOT/state/refuses" ] || { echo 'Error: no such thing' >&2; exit 1; } ;;
  '-f '*) cat "$2" >"$at" ;;
  'delete table '*) rm "$at" ;;
  '-j list table '*) [ -s "$at" ] || exit 1; sed '/^add element/d' "$at" | jq -Rsc '{nftables: [{text: .}]}' ;;
  '-j list set '*)
    [ -s "$at" ] || exit 1
    { elements "$6" | jq -R .; leaving "$6" | jq -R 'split(" ") | {elem: {val: .[0], expires: (.[1] | tonumber)}}'; } |
      jq -sc '{nftables: [{metainfo: {}}, {set: {elem: .}}]}' ;;
  'get element '*) address=\${6#\\{ }; elements "$5" | grep -qxF "\${address% \\}}" ;;
esac
`;

describe("a node that closes what it listens at", function () {
  this.timeout(60_000);
  let graph: Graph;
  let machine: FakeMachine;
  before(async () => {
    graph = await recordSample("walled");
  });
  beforeEach(() => {
    machine = new FakeMachine();
    take(machine, graph, "master-01");
    for (const name of ["nft", "ss"]) machine.remove(`bin/${name}`);
    machine.write("bin/nft", nft, 0o755);
    machine.write("bin/unshare", '#!/bin/bash\nshift\nASIDE=aside exec "$@"\n', 0o755);
    machine.write(
      "bin/ss",
      '#!/bin/bash\ncat "$FAKE_ROOT/state/connected" 2>/dev/null || true\n',
      0o755,
    );
  });
  afterEach(() => machine.close());

  const program = (vars = {}) => programOf(graph, "master-01-firewall", vars);
  const runs = (text = program()) => {
    const { status, stdout, stderr } = machine.run(text);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const kernel = () => machine.read("state/kernel");
  const without = (node: string) =>
    program().replace(new RegExp(`^ *[0-9.]+, # ${node}\\n`, "gm"), "");

  it("loads its rules, and is left alone the second time", () => {
    assert.match(runs(), /^changed/);
    assert.equal(kernel(), machine.read(rules));
    assert.equal(runs(), "unchanged");
  });

  it("lets a node that goes in until it is gone, and a lost one no more", () => {
    runs();
    runs(without("store-01"));
    assert.match(
      kernel(),
      /^add element inet groundwork nodes \{ 10\.0\.0\.31 timeout 25200s \}$/m,
    );
    assert.match(
      kernel(),
      /^add element inet groundwork leaving \{ 10\.0\.0\.31 timeout 25200s \}$/m,
    );
    assert.doesNotMatch(kernel(), /^add element inet groundwork masters/m);
    assert.doesNotMatch(machine.read(rules), /10\.0\.0\.31/);
    assert.equal(runs(without("store-01")), "unchanged");
    machine.write("state/kernel", kernel().replaceAll("25200s", "17s"));
    runs(without("worker-01").replace(/^ *10\.0\.0\.31, .*\n/gm, ""));
    assert.match(kernel(), /nodes \{ 10\.0\.0\.31 timeout 17s \}/);
    assert.match(kernel(), /nodes \{ 10\.0\.0\.21 timeout 25200s \}/);
    runs();
    assert.doesNotMatch(kernel(), /^add element/m);
    const { status, stderr } = machine.run(
      programOf(graph, "master-01-firewall", { LOST: "10.0.0.31" }).replace(
        /^ *10\.0\.0\.31, .*\n/gm,
        "",
      ),
    );
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(kernel(), /10\.0\.0\.31/);
  });

  it("closes nothing before it knows who is connected, and later does not ask", () => {
    const peers = (...all: readonly string[]) =>
      machine.write(
        "state/connected",
        all.map((peer) => `0      0      10.0.0.11:2380      ${peer}\n`).join(""),
      );
    peers("10.0.0.21:4711", "[::ffff:10.0.0.99]:4712", "[fe80::1]:4713", "127.0.0.1:1");
    assertRefused(
      machine.run(program()),
      /connections to what would be closed to them .*: 10\.0\.0\.99 fe80::1/,
    );
    assert.ok(!machine.exists("state/kernel"));
    peers("10.0.0.21:4711", "[::ffff:10.0.0.31]:4712");
    assert.match(runs(), /^changed/);
    peers("10.0.0.99:4711");
    assert.equal(runs(), "unchanged");
  });

  it("loads no rules that nft refuses", () => {
    machine.write("state/refuses", "");
    assertRefused(machine.run(program()), /nft refuses the rules: Error: no such thing/);
    assert.ok(!machine.exists("state/kernel"));
  });

  it("is open again when it leaves", () => {
    runs();
    machine.write("state/nft", "");
    const { status, stdout, calls } = machine.run(program(), "delete");
    assert.equal(status, 0);
    assert.match(stdout, /^changed/);
    assert.ok(calls.includes("systemctl disable --quiet --now groundwork-firewall.service"));
    assert.match(machine.read("state/nft"), /delete table inet groundwork/);
    for (const path of [
      rules,
      "etc/systemd/system/groundwork-firewall.service",
      "usr/local/lib/groundwork/firewall-check",
    ])
      assert.ok(!machine.exists(path), path);
    assert.equal(machine.run(program(), "delete").stdout, "unchanged");
  });
});
