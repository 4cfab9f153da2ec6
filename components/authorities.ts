import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { namesOf, numbersOf, refuseSuccession } from "./former";

/** @throws ClusterConfigError where certificates that are in use would be refused: of authorities that are taken back, or have only now others behind them. */
export function refuseEndOfAuthorities(
  former: FormerCluster,
  plan: ClusterPlan,
  whose: string,
): void {
  const { authorities, oldestAuthorities } = plan.kubernetes.rotations;
  refuseSuccession(whose, {
    path: ["cluster", "kubernetes", "rotations"],
    field: "authorities",
    given: authorities,
    were: numbersOf(former, plan, "authorities"),
    notBack: (newest) =>
      `is a former number, and certificates are issued by authorities ${newest}: they are not taken back`,
    another: "others",
    oldest: {
      field: "oldest_authorities",
      given: oldestAuthorities,
      ends: (number) =>
        `would have every certificate refused that is in use today, by authorities ${number}`,
      laterBy: "after the 'up' that brings authorities",
    },
  });
}

/** Which authorities follow which, or are trusted no more, and what is done in which order; undefined: none. */
export function authoritiesInWords(former: FormerCluster, plan: ClusterPlan): string | undefined {
  const { authorities, oldestAuthorities } = plan.kubernetes.rotations;
  const was = Math.min(...numbersOf(former, plan, "authorities"));
  const oldest = Math.min(...numbersOf(former, plan, "oldestAuthorities"));
  const were = namesOf(former);
  const masters = plan.masters.map(({ name }) => name).filter((name) => were.includes(name));
  const lines = [];
  if (was < authorities)
    lines.push(
      `Authorities ${was} -> ${authorities}, one line after the other; those before stay trusted:`,
      `  all nodes: trust authorities ${authorities}, too; certificates of these, which those before vouch for`,
      `  ${masters.join(", ")}, one by one: etcd restarted`,
      `  ${masters.join(", ")}, one by one: control plane restarted`,
      `  ${masters.join(", ")}: sign what kubelets ask for by authorities ${authorities}`,
      "  masters one by one, then workers in batches: kubelet has certificates of these, restarted with the node's other services",
    );
  if (oldest < oldestAuthorities)
    lines.push(
      `Authorities before ${oldestAuthorities} trusted no more, which ends kubeconfigs and certificates of theirs; one line after the other:`,
      "  all nodes, and pods: looked at whether anything there is of former authorities, or knows no others",
      `  all nodes: trust authorities ${oldestAuthorities}${authorities > oldestAuthorities ? ` to ${authorities}` : ""} alone`,
      "  masters one by one, then workers in batches: services restarted",
    );
  return lines.length > 0 ? lines.join("\n") : undefined;
}
