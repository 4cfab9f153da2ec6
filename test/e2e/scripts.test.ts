import assert from "node:assert/strict";
import { assertUsable } from "./expected";
import { must, on } from "./lab";
import { again, machines, type Step, steps } from "./steps";

/** A machine at one moment: what must stay as it is when nothing is changed. What a timer writes may come at any. */
interface Moment {
  /** Unit -> the one start of it that runs now. */
  readonly services: Readonly<Record<string, string>>;
  /** What was written since the last moment. */
  readonly written: readonly string[];
}

/** What the step printed when it ran first tells what it says when it has nothing to do; a login shell may have said more. */
const expected = ({ printed }: Step) =>
  /groundwork-report: .*/.exec(printed)?.[0] ??
  (/changed: \d+|unchanged/.test(printed) ? "unchanged" : printed.trim());

function look(node: string): Moment {
  const { stdout, output, status } = on(
    node,
    `for unit in $(systemctl list-units --type=service --state=active --plain --no-legend 'etcd*' 'kube*' 'flannel*' 'containerd*' 'haproxy*' 'ceph-*' | cut -d' ' -f1); do
       echo "$unit $(systemctl show --property=InvocationID --value "$unit")"
     done
     [ ! -e /run/moment ] || find /etc /usr/local /var/lib/cluster-state /var/lib/groundwork -newer /run/moment ! -path /var/lib/groundwork/undo ! -path '/var/lib/groundwork/metrics*' ! -path '/var/lib/groundwork/snapshots*' | sed 's/^/> /'
     touch /run/moment`,
  );
  assert.equal(status, 0, output);
  const lines = stdout.trim().split("\n");
  const written = lines.filter((line) => line.startsWith("> ")).map((line) => line.slice(2));
  const services = lines.filter((line) => !line.startsWith("> ")).map((line) => line.split(" "));
  return { services: Object.fromEntries(services) as Moment["services"], written };
}

describe("every step's script, run a second time", function () {
  this.timeout(300_000);
  const nodes = machines();
  const earlier = new Map<string, Moment>();
  let all: Step[] = [];

  before(() => {
    // Births run once, and never again.
    all = steps().filter(({ name }) => !name.endsWith("-genesis"));
    for (const node of nodes.values()) earlier.set(node, look(node));
  });

  it("says that nothing changed", () => {
    assert.ok(all.length >= 4 * nodes.size, `${all.length} steps`);
    const printed = again(...all);
    const said = all.map((step, i) => [step.name, expected(step), printed[i]?.trim()]);
    assert.deepEqual(
      said.filter(([, wanted, got]) => wanted !== got),
      [],
    );
  });

  for (const node of nodes.values()) {
    it(`has restarted nothing and written nothing on ${node}`, () => {
      const now = look(node);
      const then = earlier.get(node)?.services ?? {};
      assert.ok(Object.keys(then).length > 0, `no service of the cluster runs on ${node}`);
      assert.deepEqual(now, { services: then, written: [] });
    });
  }

  it("leaves pods usable", () => assertUsable());

  after(() => nodes.forEach((node) => must(`lab/ssh ${node} rm -f /run/moment`)));
});
