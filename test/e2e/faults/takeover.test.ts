import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { assertIsTheFile, fileNodes } from "../expected";
import { destroyCommand, must, on, preview, root, run, settle, upCommand } from "../lab";
import { Operator } from "../operator";

/** The release before this one; `FORMER` names another commit. */
const former = process.env.FORMER ?? "1e44e8a";
const folder = join(root, ".lab/former");
const state = join(root, ".lab/state/.pulumi/stacks/groundwork/dev.json");

/** What a cluster must keep: who holds each machine, the members of etcd, and the Nodes. */
const identities = () =>
  fileNodes().map(
    (node) =>
      on(
        node,
        `cat /var/lib/cluster-state/lock /var/lib/cluster-state/etcd-member-id 2>/dev/null
       KUBECONFIG=/etc/kubernetes/admin.conf kubectl get nodes -o jsonpath='{.items[*].metadata.uid}' 2>/dev/null`,
      ).stdout,
  );

/** What a preview would do, by kind, and how often. */
function changes(): Record<string, number> {
  const { status, stdout, output } = preview("--json");
  assert.equal(status, 0, output);
  return (JSON.parse(stdout) as { changeSummary: Record<string, number> }).changeSummary;
}

function assertNothingComesOrGoes(): void {
  const { same = 0, update = 0, ...others } = changes();
  console.log(`      a preview: ${same} the same, ${update} to update`);
  assert.deepEqual(others, {}, "something would be made anew, or go");
  assert.ok(same > 50, `${same} resources`);
}

describe("a cluster that the former release made", function () {
  this.timeout(900_000);
  let made: string[];

  before(function () {
    if (run(`git cat-file -e ${former}^{commit}`).status !== 0) {
      const text = `the history does not reach back to ${former}, as in a shallow clone: git fetch --unshallow`;
      assert.equal(process.env.FORMER, undefined, text);
      console.log(`    left out: ${text}`);
      return this.skip();
    }
    must(`git worktree add --force --detach ${folder} ${former}`);
    // Its cluster file, the modules it imports and the stack are those of this tree.
    must(`ln -s ${root}/.lab ${root}/node_modules ${folder}; cp ${root}/Pulumi.dev.yaml ${folder}`);
    must("pulumi stack select dev --create");
    must(`cd ${folder} && pulumi stack select dev && ${upCommand}`, { seconds: 600 });
    made = identities();
  });
  after(() => {
    run(destroyCommand);
    run(`git worktree remove --force ${folder}`);
  });

  it("is shown to go over without anything being made anew", () => assertNothingComesOrGoes());

  it("goes on from wherever the operator was killed", async () => {
    const { mtimeMs } = statSync(state);
    const operator = new Operator();
    let over = false;
    void operator.result.then(() => (over = true));
    while (!over && statSync(state).mtimeMs === mtimeMs)
      await new Promise((resolve) => setTimeout(resolve, 10));
    operator.kill();
    await operator.result;
    run("pulumi cancel --yes");
    const urns = readFileSync(state, "utf8").match(/"urn": "urn:[^"]*::master-01-\w+"/g) ?? [];
    const moved = urns.filter((urn) => urn.includes("groundwork:index:Cluster$"));
    console.log(`      killed when ${moved.length} of ${urns.length} had gone over`);
    assertNothingComesOrGoes();
  });

  it("has gone over after one 'up', and is the same cluster", async () => {
    settle();
    assert.deepEqual(identities(), made);
    await assertIsTheFile();
  });
});
