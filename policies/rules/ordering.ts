import type { StackValidationPolicy } from "@pulumi/policy";
import { hasRole } from "../facts";
import { comesAfter, ofType, validateGraph } from "../judge";

/** Steps that need the API of the first master: another control plane, running as a node, being let in. */
const joinSteps = ["control-plane", "kubelet", "admit"];

const joinsFollowFirstMaster: StackValidationPolicy = {
  name: "joins-follow-first-master",
  description: "No node joins before the API server of the first master answers.",
  enforcementLevel: "mandatory",
  validateStack: validateGraph(({ name, prefix, nodes }, report, args) => {
    const first = nodes.find(hasRole("master"));
    if (!first) return;
    const commands = ofType(args, "command:remote:Command");
    const stepOf = (node: string, step: string) =>
      commands.find((command) => command.name === `${prefix}${node}-${step}`);
    const api = stepOf(first.name, "control-plane");
    if (!api) {
      report(
        `${first.name}: is the first master of cluster ${name} and has no step ${prefix}${first.name}-control-plane, so that no join can wait for its API server; restore components/master.ts`,
      );
      return;
    }
    for (const node of nodes) {
      for (const step of joinSteps) {
        const join = stepOf(node.name, step);
        if (!join || join === api || comesAfter(join).has(api.urn)) continue;
        report(
          `${node.name}: step ${join.name} does not wait for ${api.name}; mend components/order.ts`,
          join.urn,
        );
      }
    }
  }),
};

export const ordering = [joinsFollowFirstMaster];
