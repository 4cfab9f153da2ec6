import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { ClusterConfigError, refusal } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";

const schema = z.object({
  kubernetesVersion: z.string().optional(),
  etcdVersion: z.string().optional(),
  nodes: z.record(
    z.string(),
    z.object({
      roles: z.array(z.enum(["master", "worker", "ceph-mon", "ceph-osd"])),
      joined: z.literal(false).optional(),
      maintenance: z.number().optional(),
      networkPlugin: z.string().optional(),
      networkVersion: z.string().optional(),
      encryptionKey: z.number().optional(),
      serviceAccountKey: z.number().optional(),
      cephKubernetesKey: z.number().optional(),
      cephAdminKey: z.number().optional(),
      cephAuthority: z.number().optional(),
      cephOsdKey: z.number().optional(),
      authorities: z.number().optional(),
      oldestAuthorities: z.number().optional(),
      containerd: z.string().optional(),
      runc: z.string().optional(),
      ceph: z.string().optional(),
    }),
  ),
});

/** Names of those who were nodes: where nothing of the cluster's runs yet, nothing waits for, and nothing is taken in turn. */
export const namesOf = ({ nodes }: FormerCluster): string[] =>
  Object.entries(nodes).flatMap(([name, { joined = true }]) => (joined ? [name] : []));

/** Numbers of a key, or of the authorities, that those of the masters had which were nodes. */
export const numbersOf = (
  { nodes }: FormerCluster,
  { masters }: Pick<ClusterPlan, "masters">,
  key: "encryptionKey" | "serviceAccountKey" | "authorities" | "oldestAuthorities",
): number[] =>
  masters.flatMap(({ name }) => {
    const was = nodes[name];
    return was && was.joined !== false ? [was[key] ?? 1] : [];
  });

/** A counter of the file that has one key, or authority, follow another, and what of these was in use at the end of the last `up`. */
export interface Succession {
  /** The mapping in the file that has the fields. */
  readonly path: readonly string[];
  readonly field: string;
  readonly given: number;
  /** Numbers in use; none: nothing is. */
  readonly were: readonly number[];
  /** Why a lower number than this is none to give, as the end of a sentence that begins with what was given. */
  readonly notBack: (newest: number) => string;
  /** What a higher number is for: `another one`. */
  readonly another: string;
  /** The field that ends former ones. */
  readonly oldest?: {
    readonly field: string;
    readonly given: number;
    /** What would be refused, as `notBack`. */
    readonly ends: (number: number) => string;
    /** From when on it may be raised: `after the 'up' that brings key`. */
    readonly laterBy: string;
  };
}

/** @throws ClusterConfigError where a number is taken back, or one ends that is in use until this `up` is over */
export function refuseSuccession(whose: string, succession: Succession): void {
  const { path, field, given, were, notBack, another, oldest } = succession;
  const newest = Math.max(0, ...were);
  if (newest > given)
    throw refusal(
      whose,
      [...path, field],
      `${given} ${notBack(newest)}; give ${newest}, or ${newest + 1} for ${another}`,
    );
  const used = Math.min(...were);
  if (oldest && oldest.given > used)
    throw refusal(
      whose,
      [...path, oldest.field],
      `${oldest.given} ${oldest.ends(used)}; give ${used}, and raise it ${oldest.laterBy} ${given}`,
    );
}

/**
 * What the last `up` left, from an argument; undefined: it is recorded nowhere. A promise, so that what is made of it does
 * not depend on where it comes from: every step would carry its name in the state.
 *
 * @param whose who was given the argument, for errors
 * @throws ClusterConfigError where it is not known at a preview, or has another form
 */
export async function readFormer(
  former: pulumi.Input<FormerCluster | undefined>,
  whose: string,
): Promise<FormerCluster | undefined> {
  const value = (await pulumi.runtime.serializeProperty(
    "former",
    pulumi.unsecret(pulumi.output(former)),
  )) as unknown;
  if (value === undefined || value === null) return undefined;
  const refuse = (message: string) =>
    new ClusterConfigError(whose, [{ path: ["former"], message }]);
  if (value === pulumi.runtime.unknownValue)
    throw refuse(
      "is not known at a preview, and who waits for whom hangs on it: pass what the last `up` left, such as an output of a StackReference, and nothing that this one makes",
    );
  const { data, error } = schema.safeParse(value);
  if (error) throw refuse(`is not what a cluster was:\n${z.prettifyError(error)}`);
  return data;
}

/** The stacks of programs in which a cluster goes by the stack's own outputs. */
const taken = new WeakSet<pulumi.Resource>();

/**
 * What the last `up` left, from the stack's own outputs `kubernetesVersion`, `etcdVersion` and `nodes`, which are those of the last `up`
 * until this one ends; undefined: there are none.
 *
 * @param exported whether these outputs are this cluster's for certain: then they are not taken for another's where they cannot be read
 * @throws ClusterConfigError where another cluster of the program goes by them, or they are of a form that is not known
 */
export async function exportedFormer(
  name: string,
  cluster: pulumi.Resource,
  whose: string,
  exported: boolean,
): Promise<FormerCluster | undefined> {
  const stack = pulumi.runtime.getStackResource();
  if (stack && taken.has(stack)) {
    const message =
      "is needed, as another cluster of this program goes by the stack's outputs kubernetesVersion and nodes: pass the two " +
      "as the last `up` left them, for instance from an output of another name by a StackReference to the stack itself";
    throw new ClusterConfigError(whose, [{ path: ["former"], message }]);
  }
  if (stack) taken.add(stack);
  const last = new pulumi.StackReference(
    `${name}-last`,
    { name: `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}` },
    { parent: cluster },
  );
  const output = async (name: string): Promise<unknown> => {
    const details = await last.getOutputDetails(name);
    return (details.value ?? details.secretValue) as unknown;
  };
  const [kubernetesVersion, etcdVersion, nodes] = [
    await output("kubernetesVersion"),
    await output("etcdVersion"),
    await output("nodes"),
  ];
  const { data, error } = schema.safeParse({ kubernetesVersion, etcdVersion, nodes });
  if (exported && error && nodes !== undefined) {
    const message =
      "the stack's outputs kubernetesVersion, etcdVersion and nodes are not what this release knows of a cluster, so that a change " +
      `would reach all nodes at once; nothing was changed. Use the release that wrote them:\n${z.prettifyError(error)}`;
    throw new ClusterConfigError(whose, [{ path: ["former"], message }]);
  }
  return data;
}

/** @throws ClusterConfigError where a cluster lives of which nothing is recorded */
export function refuseUnrecorded(
  recorded: FormerCluster | undefined,
  lives: boolean,
  whose: string,
): void {
  if (recorded !== undefined || !lives) return;
  const message =
    "nothing tells what the last 'up' left of this cluster, which lives: a change would reach all nodes at once, no policy " +
    "would see who leaves, and any other version of Kubernetes would be taken; nothing was changed. " +
    "Export its kubernetesVersion and nodes under these names, or pass former: the two as the last 'up' left them, " +
    '{ kubernetesVersion: "1.36.3", nodes: { "master-01": { roles: ["master"] } } }, for instance from an output of ' +
    "another name by a StackReference to the stack itself. Where no 'up' has ended yet, it is { nodes: {} }";
  throw new ClusterConfigError(whose, [{ path: ["former"], message }]);
}
