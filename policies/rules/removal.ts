import type { StackValidationPolicy } from "@pulumi/policy";
import type { Role } from "../../config/plan";
import { type ClusterOutputs, hasRole } from "../facts";
import { validateGraph } from "../judge";
import { settings } from "../settings";

const masters = settings<{ maximum: number }>({
  maximum: { default: 1, description: "How many masters one update may remove." },
});

const fewMastersLeave: StackValidationPolicy = {
  name: "few-masters-leave",
  description: "One update removes one master at most.",
  enforcementLevel: "mandatory",
  configSchema: masters.schema,
  validateStack: validateGraph((cluster, report, args) => {
    const { maximum } = masters.of(args);
    const { leaving } = changes(cluster, "master");
    if (leaving.length <= maximum) return;
    report(
      `${leaving.join(", ")}: ${leaving.length} masters would be removed at once, and ${maximum} may; ` +
        `put all but ${maximum} back into the cluster file, run 'pulumi up', and remove the others after it, ` +
        "or set few-masters-leave.maximum in the policies' configuration",
    );
  }),
};

const osdHosts = settings<{ percent: number }>({
  percent: {
    default: 100 / 3,
    description: "Which part of the hosts with OSDs one update may remove, in percent.",
  },
});

const fewOsdHostsLeave: StackValidationPolicy = {
  name: "few-osd-hosts-leave",
  description:
    "One update removes a third of the hosts with OSDs at most, as the others must take their data.",
  enforcementLevel: "mandatory",
  configSchema: osdHosts.schema,
  validateStack: validateGraph((cluster, report, args) => {
    const { percent } = osdHosts.of(args);
    const { leaving, former } = changes(cluster, "ceph-osd");
    if (leaving.length * 100 <= percent * former.length) return;
    report(
      `${leaving.join(", ")}: ${leaving.length} of ${former.length} hosts with OSDs would be removed at once, which is more than ${Math.round(percent)} %; ` +
        "put some back into the cluster file, run 'pulumi up', wait until Ceph is healthy, and remove the next ones then, " +
        "or set few-osd-hosts-leave.percent in the policies' configuration",
    );
  }),
};

/** Who had a role, and who of them has it no longer: gone from the file, or there without it. */
function changes({ nodes, before }: ClusterOutputs, role: Role) {
  const has = hasRole(role);
  const stays = new Set(nodes.filter(has).map(({ name }) => name));
  const former = Object.entries(before.nodes).flatMap(([name, node]) => (has(node) ? [name] : []));
  return { former, leaving: former.filter((name) => !stays.has(name)).sort() };
}

export const removal = [fewMastersLeave, fewOsdHostsLeave];
