import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must, on, root } from "./lab";
import { again, type Step, steps } from "./steps";

/** A machine at one moment: what must stay as it is when nothing is changed. */
interface Moment {
  /** Unit -> the one start of it that runs now. */
  readonly services: Readonly<Record<string, string>>;
  /** What was written since the last moment. */
  readonly written: readonly string[];
}

/** Address -> name of the lab's machines. */
const machines = () =>
  new Map(
    readFileSync(join(root, ".lab/machines"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).reverse() as [string, string]),
  );

/** What the step printed when it ran first tells what it says when it has nothing to do. */
const expected = ({ printed }: Step) =>
  /^(changed: \d+|unchanged)\n?$/.test(printed) ? "unchanged" : printed.trim();

function look(node: string): Moment {
  const { stdout, output, status } = on(
    node,
    `for unit in $(systemctl list-units --type=service --state=active --plain --no-legend 'etcd*' 'kube*' 'flannel*' 'containerd*' 'haproxy*' 'ceph-*' | cut -d' ' -f1); do
       echo "$unit $(systemctl show --property=InvocationID --value "$unit")"
     done
     [ ! -e /run/moment ] || find /etc /usr/local /var/lib/cluster-state /var/lib/groundwork -newer /run/moment ! -path /var/lib/groundwork/undo | sed 's/^/> /'
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
    all = steps();
    for (const node of nodes.values()) earlier.set(node, look(node));
  });

  it("says that nothing changed", async () => {
    const work = [...nodes].map(async ([ip, node]) => {
      const said: [string, string, string][] = [];
      for (const step of all.filter((step) => step.ip === ip)) {
        said.push([step.name, expected(step), (await again(node, step)).trim()]);
      }
      return said;
    });
    const said = (await Promise.all(work)).flat();
    assert.equal(said.length, all.length);
    assert.ok(said.length >= 4 * nodes.size, `${said.length} steps`);
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

  after(() => nodes.forEach((node) => must(`lab/ssh ${node} rm -f /run/moment`)));
});
