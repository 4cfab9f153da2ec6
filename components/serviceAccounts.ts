import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { namesOf, numbersOf, refuseSuccession } from "./former";

/** @throws ClusterConfigError where tokens that are in use would be refused: of a key that is taken back, or has only now a successor. */
export function refuseEndOfTokens(former: FormerCluster, plan: ClusterPlan, whose: string): void {
  const { serviceAccountKey, oldestServiceAccountKey } = plan.kubernetes.rotations;
  refuseSuccession(whose, {
    path: ["cluster", "kubernetes", "rotations"],
    field: "service_account_key",
    given: serviceAccountKey,
    were: numbersOf(former, plan, "serviceAccountKey"),
    notBack: (newest) =>
      `is a former key, and tokens are signed with key ${newest}: a key is not taken back`,
    another: "another one",
    oldest: {
      field: "oldest_service_account_key",
      given: oldestServiceAccountKey,
      ends: (key) => `would end the tokens that are signed with key ${key} today`,
      laterBy: "an hour after the 'up' that brings key",
    },
  });
}

/** Which key follows which, and what is done in which order; undefined: none does. */
export function serviceAccountsInWords(
  former: FormerCluster,
  plan: ClusterPlan,
): string | undefined {
  const { serviceAccountKey } = plan.kubernetes.rotations;
  const masters = plan.masters.filter(({ name }) => namesOf(former).includes(name));
  const was = Math.min(...numbersOf(former, plan, "serviceAccountKey"));
  if (was >= serviceAccountKey) return undefined;
  return [
    `Key of service accounts ${was} -> ${serviceAccountKey}, one line after the other:`,
    ...masters.map(
      ({ name }) =>
        `  ${name}: API server restarted, takes tokens of key ${serviceAccountKey}, too`,
    ),
    ...masters.map(
      ({ name }) =>
        `  ${name}: API server and controller manager restarted, sign with key ${serviceAccountKey}`,
    ),
  ].join("\n");
}
