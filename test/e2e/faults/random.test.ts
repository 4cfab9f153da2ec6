import fc from "fast-check";
import type { YAMLMap } from "yaml";
import { assertIsTheFile, assertNothingLost, fileNodes, unlock } from "../expected";
import { converge, editCluster, must, up } from "../lab";
import { Operator } from "../operator";
import { Writer } from "../writer";

/** How often the file is changed, and by which number all is drawn: another SEED draws other changes and faults. */
const rounds = Number(process.env.ROUNDS ?? 3);
const seed = Number(process.env.SEED ?? 45);

const drawn = <T extends string>(...kinds: readonly T[]) =>
  fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat(), after: fc.nat({ max: 45_000 }) });

/** What an operator changes in one go, and what befalls it while it is carried out, `after` so many milliseconds. */
const schedule = fc.sample(
  fc.record({
    changes: fc.array(drawn("remove", "remove", "return", "return", "reinstall", "lose", "label"), {
      minLength: 1,
      maxLength: 2,
    }),
    faults: fc.array(drawn("operator", "provider", "power", "hang", "reboot"), { maxLength: 2 }),
  }),
  { seed, numRuns: rounds },
);

/** What the file says of a machine, and what of it an operator cannot see there. */
interface Machine {
  readonly master: boolean;
  listed: boolean;
  lost: boolean;
  generation: number;
  label: number;
}
const machines = new Map<string, Machine>();
let restore: () => void = () => undefined;

/** Writes the file anew. */
function write(): void {
  restore();
  editCluster((file) => {
    const nodes = file.get("nodes") as { items: YAMLMap[] };
    nodes.items = nodes.items.filter((entry) => {
      const machine = machines.get(String(entry.get("name")));
      if (!machine?.listed) return false;
      if (machine.lost) entry.set("lost", true);
      if (machine.generation > 1) entry.set("generation", machine.generation);
      if (machine.label > 0) entry.set("labels", { "example.org/round": String(machine.label) });
      return true;
    });
  });
}

function wipe(name: string, machine: Machine): void {
  must(`lab/node wipe ${name} --keep-host-key; lab/node start ${name}`);
  machine.generation += 1;
}

/** Makes a change to one of the machines to which it may happen, and answers to which. */
function change(kind: string, which: number, busy: ReadonlySet<Machine>): string | undefined {
  const masters = [...machines.values()].filter(
    ({ master, listed, lost }) => master && listed && !lost,
  );
  const one = (may: (machine: Machine) => boolean) => {
    const all = [...machines].filter(([, machine]) => !busy.has(machine) && may(machine));
    return all[which % all.length];
  };
  // etcd cannot do without a master whose disk is gone at once unless two others stay.
  const spared = ({ master }: Machine) =>
    !master || (masters.length > 2 && !masters.some((one) => busy.has(one)));
  const present = ({ listed, lost }: Machine) => listed && !lost;
  const [name, machine] =
    (kind === "remove" && one((m) => m.listed && (m.lost || !m.master || masters.length > 1))) ||
    (kind === "return" && one((m) => !m.listed || m.lost)) ||
    (kind === "reinstall" && one((m) => present(m) && spared(m))) ||
    (kind === "lose" && one((m) => present(m) && spared(m))) ||
    (kind === "label" && one(present)) ||
    [];
  if (name === undefined || machine === undefined) return undefined;
  switch (kind) {
    case "remove":
      machine.listed = false;
      break;
    case "return":
      // What is lost is dead; its disk is new when it comes again.
      if (machine.lost) wipe(name, machine);
      machine.listed = true;
      machine.lost = false;
      break;
    case "reinstall":
      wipe(name, machine);
      break;
    case "lose":
      must(`lab/node kill ${name}`);
      machine.lost = true;
      break;
    default:
      machine.label += 1;
  }
  return name;
}

/** Does something to the operator, or to a machine that is there; answers what was done. */
function strike(operator: Operator, kind: string, which: number): string {
  const living = [...machines].filter(([, { lost }]) => !lost).map(([name]) => name);
  const node = living[which % living.length] ?? "";
  switch (kind) {
    case "operator":
      operator.kill();
      return "the operator is killed";
    case "provider":
      try {
        operator.kill(/pulumi-resource-|bundles.(command|kubernetes)/);
        return "a provider is killed";
      } catch {
        return "no provider runs to be killed";
      }
    case "power":
      must(`lab/node kill ${node}`);
      if (which % 2 === 0) return `${node} loses its power`;
      must(`lab/node start ${node}`);
      return `${node} loses its power for a moment`;
    case "hang":
      must(`lab/node pause ${node}; sleep 8; lab/node resume ${node}`);
      return `${node} hangs for 8 s`;
    default:
      must(`lab/node stop ${node}; lab/node start ${node}`);
      return `${node} reboots`;
  }
}

const say = (text: string) =>
  console.log(`      ${new Date().toISOString().slice(11, 19)} ${text}`);

/** On a lab that is up: changes of its file and faults that chance decides on. */
describe("changes and faults by chance", function () {
  this.timeout(rounds * 900_000);
  before(() => {
    restore = editCluster(() => undefined);
    for (const name of fileNodes())
      machines.set(name, {
        master: fileNodes("master").includes(name),
        listed: true,
        lost: false,
        generation: 1,
        label: 0,
      });
  });
  after(() => Writer.clean());

  it(`end with the cluster of the file, and nothing lost (SEED=${seed} ROUNDS=${rounds})`, async () => {
    const writer = await Writer.start("api");
    for (const { changes, faults } of schedule) {
      const busy = new Set<Machine>();
      for (const { kind, which } of changes) {
        const name = change(kind, which, busy);
        if (name === undefined) continue;
        busy.add(machines.get(name) as Machine);
        say(`${kind} ${name}`);
      }
      write();
      const operator = new Operator();
      const timers = faults.map(({ kind, which, after }) =>
        setTimeout(() => {
          say(`  after ${Math.round(after / 1000)} s: ${strike(operator, kind, which)}`);
        }, after),
      );
      const { status } = await operator.result;
      timers.forEach(clearTimeout);
      say(`  it ends with ${status}`);
      for (const [name, { lost }] of machines) if (!lost) must(`lab/node start ${name}`);
      unlock();
      if (status !== 0) say(`  again: ${up().status}`);
      unlock();
      converge();
      await assertIsTheFile();
    }
    for (const [name, machine] of machines) {
      if (machine.lost) wipe(name, machine);
      Object.assign(machine, { listed: true, lost: false });
    }
    write();
    converge();
    await assertIsTheFile();
    assertNothingLost(await writer.stop());
  });
});
