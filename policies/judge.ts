import {
  type PolicyResource,
  type ReportViolation,
  type ResourceValidation,
  type ResourceValidationArgs,
  type StackValidation,
  type StackValidationArgs,
  UnknownValueError,
} from "@pulumi/policy";
import { type ClusterFacts, type ClusterOutputs, clusterType } from "./facts";

/** Judges what the cluster file says, before the first resource is touched. */
export function validateCluster(
  judge: (cluster: ClusterFacts, report: ReportViolation, args: ResourceValidationArgs) => void,
): ResourceValidation {
  return (args, report) => {
    if (args.type === clusterType) judge(args.props as ClusterFacts, report, args);
  };
}

/** Judges every resource of one type, each before it is touched. `type` may end in `*`. */
export function validateType<Props extends object>(
  type: string,
  judge: (props: Partial<Props>, report: ReportViolation, args: ResourceValidationArgs) => void,
): ResourceValidation {
  return (args, report) => {
    if (isOfType(args, type)) judge(args.props as Partial<Props>, report, args);
  };
}

/**
 * Judges the whole of the resources together with the facts of each cluster; silent when there is none, as on `destroy`.
 */
export function validateGraph(
  judge: (cluster: ClusterOutputs, report: ReportViolation, args: StackValidationArgs) => void,
): StackValidation {
  return (args, report) => {
    for (const cluster of ofType(args, clusterType))
      judge(cluster.props as ClusterOutputs, report, args);
  };
}

/** What a resource is called in its cluster: its name without the cluster's prefix. */
export function nameInCluster({ name, parent }: PolicyResource): string {
  let above = parent;
  while (above && above.type !== clusterType) above = above.parent;
  const { prefix } = (above?.props ?? { prefix: "" }) as ClusterFacts;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

export function ofType({ resources }: StackValidationArgs, type: string): PolicyResource[] {
  return resources.filter((resource) => isOfType(resource, type));
}

function isOfType(resource: { readonly type: string }, type: string): boolean {
  return type.endsWith("*") ? resource.type.startsWith(type.slice(0, -1)) : resource.type === type;
}

/** Stands for a value that is known only once other resources are there. */
export const unknown = Symbol("unknown");

/** What `read` reads, or `unknown` when part of it is. */
export function known<T>(read: () => T): T | typeof unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnknownValueError) return unknown;
    throw error;
  }
}

/** Everything that is there before `resource` is: its dependencies, and theirs. */
export function comesAfter(resource: PolicyResource): Set<string> {
  const seen = new Set<string>();
  const visit = ({ dependencies }: PolicyResource) => {
    for (const next of dependencies) {
      if (seen.has(next.urn)) continue;
      seen.add(next.urn);
      visit(next);
    }
  };
  visit(resource);
  return seen;
}
