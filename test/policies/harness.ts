import type { PolicyResource, ResourceValidation } from "@pulumi/policy";
import { unknownCheckingProxy } from "@pulumi/policy";
import assert from "node:assert/strict";
import { type ClusterFacts, type ClusterOutputs, clusterType } from "../../policies/facts";
import { policies } from "../../policies/rules";

/** What the engine sends for a value that is known only at `up`. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A resource as tests write it; `after` names resources it depends on. */
export interface Sample {
  readonly type: string;
  readonly name: string;
  readonly props?: Record<string, unknown>;
  readonly protect?: boolean;
  readonly after?: readonly string[];
}

export interface Violation {
  readonly policy: string;
  readonly level: string;
  readonly message: string;
}

type Config = Record<string, unknown>;

/** Judges resources as the engine does: each on its own, then all together; returns what was found. */
export async function judge(
  resources: PolicyResource[],
  config: Readonly<Record<string, Config>> = {},
): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const { name, enforcementLevel = "advisory", ...policy } of policies) {
    const report = (message: string) =>
      found.push({ policy: name, level: enforcementLevel, message });
    const common = {
      stackTags: new Map<string, string>(),
      getConfig: <T extends object>() => (config[name] ?? {}) as T,
      notApplicable: () => assert.fail(`${name} calls notApplicable`),
    };
    if ("validateStack" in policy) {
      await policy.validateStack({ resources, ...common }, report);
    } else {
      const validations: ResourceValidation[] = [policy.validateResource ?? []].flat();
      for (const resource of resources) {
        for (const validate of validations) {
          await validate({ ...resource, ...common, asType: () => undefined }, report);
        }
      }
    }
  }
  return found;
}

/** What one policy finds. */
export async function judgedBy(
  policy: string,
  samples: readonly Sample[],
  config: Config = {},
): Promise<Violation[]> {
  assert.ok(
    policies.some(({ name }) => name === policy),
    `there is no policy ${policy}`,
  );
  const found = await judge(toResources(samples), { [policy]: config });
  return found.filter((violation) => violation.policy === policy);
}

/** Asserts that a policy finds exactly one thing, and that its message matches all of `parts`. */
export async function assertRefused(
  policy: string,
  samples: readonly Sample[],
  parts: readonly (string | RegExp)[],
  config?: Config,
): Promise<void> {
  const found = await judgedBy(policy, samples, config);
  assert.equal(
    found.length,
    1,
    `${policy} found: ${found.map(({ message }) => message).join("\n") || "nothing"}`,
  );
  const message = found[0]?.message ?? "";
  for (const part of parts) {
    assert.match(message, typeof part === "string" ? new RegExp(escape(part)) : part);
  }
}

export async function assertAllowed(
  policy: string,
  samples: readonly Sample[],
  config?: Config,
): Promise<void> {
  assert.deepEqual(await judgedBy(policy, samples, config), []);
}

/** Unknown values cannot be read, as in the engine. The package's types do not declare this function. */
const checked = unknownCheckingProxy as (props: Record<string, unknown>) => Record<string, unknown>;

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

const healthy: ClusterFacts = {
  name: "prod",
  prefix: "",
  kubernetesVersion: "1.36.3",
  podCidr: "10.244.0.0/16",
  serviceCidr: "10.96.0.0/16",
  endpoint: "api.example.org",
  bootstrapTokenMinutes: 15,
  pools: [],
  nodes: [
    { name: "m1", ip: "192.0.2.11", roles: ["master"] },
    { name: "m2", ip: "192.0.2.12", roles: ["master"] },
    { name: "m3", ip: "192.0.2.13", roles: ["master"] },
    { name: "w1", ip: "192.0.2.21", roles: ["worker"] },
  ],
};

/** A healthy cluster's facts with some of them different. */
export function cluster(different: Partial<ClusterOutputs> = {}): Sample {
  return {
    type: clusterType,
    name: "cluster",
    props: { ...healthy, before: { nodes: {} }, ...different },
  };
}

/** Nodes of these roles, named after them: `nodes({ master: 3 })`. */
export function nodes(counts: Partial<Record<"master" | "worker" | "ceph-osd", number>>) {
  return Object.entries(counts).flatMap(([role, count], offset) =>
    Array.from({ length: count }, (_, i) => ({
      name: `${role}-${i + 1}`,
      ip: `192.0.2.${offset * 80 + i + 1}`,
      roles: [role as "master" | "worker" | "ceph-osd"],
    })),
  );
}

function toResources(samples: readonly Sample[]): PolicyResource[] {
  const all = samples.map((sample) => toResource(`urn:${sample.type}::${sample.name}`, sample));
  const named = (name: string) => all.filter((resource) => resource.name === name);
  samples.forEach(({ after = [] }, i) => all[i]?.dependencies.push(...after.flatMap(named)));
  return all;
}

/** A resource as policies see it, without dependencies and parent. */
export function toResource(
  urn: string,
  { type, name, props = {}, protect = false }: Sample,
): PolicyResource {
  return {
    type,
    name,
    urn,
    props: checked(props),
    opts: {
      protect,
      ignoreChanges: [],
      aliases: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
      additionalSecretOutputs: [],
    },
    dependencies: [],
    propertyDependencies: {},
    isType: () => false,
    asType: () => undefined,
  };
}
