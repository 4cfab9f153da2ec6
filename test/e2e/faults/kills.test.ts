import assert from "node:assert/strict";
import { assertIsTheFile, fileNodes } from "../expected";
import { destroyCommand, must, on, run } from "../lab";
import { Operator } from "../operator";

/** Steps that do something outside the state: on machines and in Kubernetes. */
const acts = /^(command:remote:Command|kubernetes:(?!.*provider)\S+) /;

/** What must not change once it is there: who holds each machine, the cluster, its members and Nodes. */
const identities = () =>
  Object.fromEntries(
    fileNodes().map((node) => [
      node,
      on(
        node,
        `cat /var/lib/cluster-state/lock /var/lib/cluster-state/etcd-member-id 2>/dev/null
         KUBECONFIG=/etc/kubernetes/admin.conf kubectl get nodes -o jsonpath='{.items[*].metadata.uid}' 2>/dev/null`,
      ).stdout,
    ]),
  );

/** What a run that was cut short may leave behind. */
const litter = (node: string) =>
  on(
    node,
    `find /etc /var/lib/groundwork /var/lib/cluster-state /usr/local -xdev \\( -name '.groundwork.*' -o -name '.part.*' -o -name '*.undo' -o -path '*/undo/*' -o -name '.lock.*' \\) -type f
     [ ! -e /usr/sbin/policy-rc.d ] || echo /usr/sbin/policy-rc.d`,
  ).stdout;

function destroy(): void {
  run("pulumi cancel --yes");
  must(destroyCommand, {
    seconds: 280,
  });
}

/** How a step is disturbed; one after the other. */
const disturbances: Record<string, (operator: Operator, step: string) => Promise<void>> = {
  "operator killed": (operator) => Promise.resolve(operator.kill()),
  "operator killed a second later": async (operator) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    operator.kill();
  },
  "provider killed": (operator) =>
    Promise.resolve(operator.kill(/pulumi-resource-|bundles.(command|kubernetes)/)),
  "operator killed, and its machine's power cut": (operator, step) => {
    operator.kill();
    const node = fileNodes().find((name) => step.includes(` ${name}-`)) ?? fileNodes("master")[0];
    must(`lab/node kill ${node}; lab/node start ${node}`);
    return Promise.resolve();
  },
};

/**
 * One first `up`, disturbed as each of its steps begins: the next run must get past the step, and is disturbed at the
 * one after. Of Kubernetes' objects one of a kind. Answers the steps.
 */
async function walk(): Promise<string[]> {
  const ways = Object.entries(disturbances);
  const disturbed = new Set<string>();
  const keyOf = (step: string) =>
    (step.startsWith("kubernetes:") ? step.split(" ")[0] : step) ?? "";
  for (;;) {
    run("pulumi cancel --yes");
    const operator = new Operator();
    const next = await operator.until(
      ({ step, state }) => state === "begins" && acts.test(step) && !disturbed.has(keyOf(step)),
    );
    if (next) {
      const [what = "", disturb] = ways[disturbed.size % ways.length] ?? [];
      console.log(`      ${new Date().toISOString().slice(11, 19)} ${next.step}: ${what}`);
      disturbed.add(keyOf(next.step));
      await disturb?.(operator, next.step);
    }
    const { status, output } = await operator.result;
    if (next) continue;
    assert.equal(status, 0, output);
    return [...disturbed];
  }
}

describe("a first 'pulumi up' that is cut short at every step", function () {
  this.timeout(2_400_000);
  before(() => must("pulumi stack select dev --create"));
  after(() => destroy());

  it("ends as if nothing had happened", async () => {
    const steps = await walk();
    assert.ok(steps.length > 12, `only ${steps.length} steps were disturbed`);
    must('pulumi stack output --show-secrets kubeconfig >"$KUBECONFIG"');
    await assertIsTheFile();
    for (const node of fileNodes()) assert.equal(litter(node), "", node);
    const before = identities();
    const again = await new Operator().result;
    assert.equal(again.status, 0, again.output);
    assert.deepEqual(identities(), before);
  });

  it("leaves warnings of pending creations that an operator can be rid of", async () => {
    const pending = /with \d+ pending operations from previous deployment/;
    assert.match((await new Operator().result).output, pending);
    // As docs/troubleshooting.md has it.
    must("pulumi refresh --clear-pending-creates --preview-only --non-interactive");
    const next = await new Operator().result;
    assert.equal(next.status, 0, next.output);
    assert.doesNotMatch(next.output, pending);
    await assertIsTheFile();
  });
});
