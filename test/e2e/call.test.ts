import assert from "node:assert/strict";
import { assertIsTheFile } from "./expected";
import {
  converge,
  eventually,
  must,
  on,
  preview,
  root,
  run,
  setNode,
  settle,
  up,
  without,
} from "./lab";

const worker = "worker-01";

/** Runs a command on a machine as at its console: nobody dials it. */
const atConsole = (node: string, command: string) =>
  run(`nsenter --all --target "$(lab/node list | awk '$1 == "${node}" { print $4 }')" bash -s`, {
    input: command,
  });
/** From now on nobody can dial the machine. */
const shut = (node: string) =>
  assert.equal(
    atConsole(
      node,
      `nft -f - <<'END'
table inet undialled {
  chain input { type filter hook input priority -10; tcp dport 22 iifname != "lo" ct state new drop; }
}
END`,
    ).status,
    0,
  );
const open = (node: string) => atConsole(node, "nft delete table inet undialled");
const journalOf = (node: string, unit: string) =>
  atConsole(node, `journalctl --no-pager -o cat -u '${unit}'`).stdout;
const seeded = (node: string) => {
  const script = must(`npm run --silent seed -- ${node} --format script --file .lab/cluster.yaml`);
  const { status, output } = atConsole(node, script);
  assert.equal(status, 0, output);
};

/** For the machines of clusters/call.yaml, with nothing on them. */
describe("a machine that nobody dials", function () {
  this.timeout(900_000);
  before(() => {
    assert.ok(root);
    must("pulumi stack select dev --create");
    shut(worker);
  });
  after(() => open(worker));

  it("is waited for, while the cluster comes up; it calls, and is a node like any other", async () => {
    seeded(worker);
    converge();
    open(worker);
    await assertIsTheFile();
    shut(worker);
    const log = journalOf(worker, "ssh");
    assert.match(log, /Accepted publickey for root from 127\.0\.0\.1 /);
  });
});
