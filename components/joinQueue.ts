import * as pulumi from "@pulumi/pulumi";

/** A step of which is known when it begins. */
interface Beginning {
  /** True: it has room among the steps that run at a time, or there is nothing to do for it. False: it never begins. */
  readonly begun: Promise<boolean>;
  /** To be called with the step, once it is registered. */
  readonly watch: (step: pulumi.Resource) => void;
}

/**
 * Begins the two steps by which a node joins together. They wait for each other, and the engine runs only so many steps at
 * a time (`--parallel`, by default four a core): if all of these were kubelets, nobody would let them in. So a node is
 * admitted as soon as its kubelet's step begins, and the next node's kubelet follows when both have begun.
 */
export class JoinQueue {
  /** For both steps, before they are created or updated. */
  readonly hook: pulumi.ResourceHook;
  private readonly begin = new Map<string, () => void>();
  private last = Promise.resolve(true);

  constructor(name: string) {
    this.hook = new pulumi.ResourceHook(`${name}-begins`, ({ name }) => this.begin.get(name)?.());
  }

  /** The step of this name. */
  step(name: string): Beginning {
    let settle: (begins: boolean) => void = () => undefined;
    const begun = new Promise<boolean>((resolve) => (settle = resolve));
    this.begin.set(name, () => settle(true));
    // No hook runs where nothing changes, and none where what the step depends on has failed (`--continue-on-error`).
    const watch = ({ urn }: pulumi.Resource) =>
      pulumi
        .recover(
          urn.apply(() => true),
          () => false,
        )
        .apply(settle);
    return { begun, watch };
  }

  /**
   * What a kubelet's step waits for: `after`, and the node that came to this point before it.
   *
   * @param admit the step that admits this node; when it has begun, or will not, the next node's turn comes
   */
  turn(
    after: pulumi.Output<pulumi.Resource[]>,
    admit: Beginning,
  ): pulumi.Output<pulumi.Resource[]> {
    return after.apply((resources) =>
      pulumi.all(resources.map(({ urn }) => urn)).apply(() => {
        const free = this.last;
        this.last = free.then(() => admit.begun);
        return pulumi.output(free).apply(() => after);
      }),
    );
  }
}
