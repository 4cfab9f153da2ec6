/** A node that looked at the network of pods, and was looked at. */
export interface Looker {
  readonly name: string;
  /** The pod network that it has, by its network plugin and by Kubernetes. */
  readonly own: string;
  readonly routes: ReadonlySet<string>;
  /** What its pods reach: the API's Service by its name and by its address, and the networks of other nodes. */
  readonly seen: {
    readonly name: boolean;
    readonly address: boolean;
    readonly networks: ReadonlyMap<string, boolean>;
  };
  readonly suspects: readonly string[];
}

/** Two nodes whose pods do not reach each other, in one direction at least. */
export interface Gap {
  /** The one of the two that is rather to blame. */
  readonly from: Looker;
  readonly to: Looker;
  /** Whether neither reaches the other. */
  readonly both: boolean;
}

export interface Reach {
  /** Nodes whose pods reach none of at least two others. */
  readonly cut: readonly Looker[];
  /** What that does not explain. */
  readonly gaps: readonly Gap[];
}

/** One cause makes many pairs fail: nodes first that fail with all others, then what is left. */
export function explain(lookers: readonly Looker[]): Reach {
  const cut: Looker[] = [];
  let left = [...lookers];
  for (;;) {
    const worst = left.filter((one) => isolated(one, left)).sort((a, b) => blame(b) - blame(a))[0];
    if (!worst) return { cut, gaps: gapsOf(left) };
    cut.push(worst);
    left = left.filter((one) => one !== worst);
  }
}

/** Whether `from` reaches `to`; undefined where nobody looked. */
function reaches(from: Looker, to: Looker): boolean | undefined {
  if (!hasRoute(from, to)) return false;
  return from.seen.networks.get(to.own);
}

export const hasRoute = (from: Looker, to: Looker) => from.routes.has(to.own);

function isolated(one: Looker, all: readonly Looker[]): boolean {
  const partners = all.filter((other) => other !== one);
  const found = partners.flatMap((other) => [reaches(one, other), reaches(other, one)]);
  return partners.length >= 2 && found.includes(false) && !found.includes(true);
}

/** What is wrong on a node itself makes it rather the cause than those it does not reach. */
function blame({ suspects, seen }: Looker): number {
  return (suspects.length > 0 ? 2 : 0) + (seen.address ? 0 : 1);
}

function gapsOf(lookers: readonly Looker[]): Gap[] {
  return lookers.flatMap((a, i) =>
    lookers.slice(i + 1).flatMap((b): Gap[] => {
      const [there, back] = [reaches(a, b) !== false, reaches(b, a) !== false];
      if (there && back) return [];
      const both = !there && !back;
      const lacking = Number(!hasRoute(b, a)) - Number(!hasRoute(a, b));
      const second = both ? (lacking || blame(b) - blame(a)) > 0 : there;
      return [second ? { from: b, to: a, both } : { from: a, to: b, both }];
    }),
  );
}
