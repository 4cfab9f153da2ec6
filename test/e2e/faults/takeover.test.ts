import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Scalar, YAMLMap } from "yaml";
import { isGone } from "../../graph/formerUrns";
import { assertIsTheFile, fileNodes } from "../expected";
import {
  destroyCommand,
  editCluster,
  kubectl,
  must,
  on,
  preview,
  root,
  run,
  settle,
  up,
  upCommand,
} from "../lab";
import { Operator } from "../operator";

/** The release before this one; `FORMER` names another commit. */
const former = process.env.FORMER ?? "1e44e8a";
const folder = join(root, ".lab/former");
const state = join(root, ".lab/state/.pulumi/stacks/groundwork/dev.json");

/** Steps that do something on machines. */
const acts = /^command:remote:Command /;

interface Checkpoint {
  readonly checkpoint: { readonly latest: { readonly resources: readonly { urn: string }[] } };
}

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

interface Preview {
  readonly changeSummary: Readonly<Record<string, number>>;
  readonly steps: readonly { readonly op: string; readonly urn: string }[];
}

function assertNothingComesOrGoes(): void {
  const { status, stdout, output } = preview("--json");
  assert.equal(status, 0, output);
  const { changeSummary, steps } = JSON.parse(stdout) as Preview;
  console.log(`      a preview: ${JSON.stringify(changeSummary)}`);
  // What is new is made; what is there and not found would go, too. The stack's own outputs are read each time.
  const changes = steps.filter(({ op }) => !["same", "update", "read", "create"].includes(op));
  assert.deepEqual(
    changes.filter(({ op, urn }) => !(op === "delete" && isGone(urn))),
    [],
    "something would be made anew, or go",
  );
  assert.ok((changeSummary.same ?? 0) > 50, `${changeSummary.same} the same`);
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
    // It knew images by their tags only, and no network plugin but one.
    const restore = editCluster((file) => {
      file.deleteIn(["cluster", "images"]);
      const sums = file.getIn(["cluster", "artifacts", "sha256"]) as YAMLMap<Scalar<string>>;
      for (const { key } of [...sums.items])
        if (key.value.includes("/projectcalico/")) sums.delete(key);
    });
    must(`cd ${folder} && pulumi stack select dev && ${upCommand}`, { seconds: 600 });
    restore();
    made = identities();
  });
  after(() => {
    run(destroyCommand);
    run(`git worktree remove --force ${folder}`);
  });

  it("is shown to go over without anything being made anew", () => assertNothingComesOrGoes());

  it("goes on from wherever the operator was killed", async () => {
    const operator = new Operator();
    await operator.until(({ step, state }) => state === "ends" && acts.test(step));
    operator.kill();
    await operator.result;
    run("pulumi cancel --yes");
    const { checkpoint } = JSON.parse(readFileSync(state, "utf8")) as Checkpoint;
    const { resources } = checkpoint.latest;
    const moved = resources.filter(({ urn }) => urn.includes("groundwork:index:Cluster$"));
    console.log(`      killed when ${moved.length} of ${resources.length} had gone over`);
    assertNothingComesOrGoes();
  });

  it("is told which of its pods Pod Security would not let in again, and goes on with them when they may stay", () => {
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    kubectl("create namespace legacy");
    kubectl("-n legacy run exporter --image=docker.io/library/busybox:1 --privileged -- sleep 1d");
    kubectl("-n legacy wait --for=condition=Ready pod/exporter --timeout=60s");
    const { status, output } = up();
    assert.notEqual(status, 0);
    assert.match(output, /control-plane failed on master-01/);
    assert.match(
      output,
      /Pod Security 'baseline' would not let these in again .*"legacy".*exporter/,
    );
    kubectl("label namespace legacy pod-security.kubernetes.io/enforce=privileged");
  });

  it("has gone over after one 'up', and is the same cluster", async () => {
    settle();
    assert.deepEqual(identities(), made);
    await assertIsTheFile();
  });
});
