import { refusal } from "../config/issues";
import type { ClusterPlan } from "../config/plan";
import type { FormerCluster } from "../policies/facts";
import { namesOf, numbersOf } from "./former";

/** @throws ClusterConfigError where tokens that are in use would be refused: of a key that is taken back, or has only now a successor. */
export function refuseEndOfTokens(former: FormerCluster, plan: ClusterPlan, whose: string): void {
  const { serviceAccountKey, oldestServiceAccountKey } = plan.kubernetes.rotations;
  const were = numbersOf(former, plan, "serviceAccountKey");
  const refuse = (field: string, message: string) =>
    refusal(whose, ["cluster", "kubernetes", "rotations", field], message);
  const newest = Math.max(0, ...were);
  if (newest > serviceAccountKey)
    throw refuse(
      "service_account_key",
      `${serviceAccountKey} is a former key, and tokens are signed with key ${newest}: a key is not taken back; give ${newest}, or ${newest + 1} for another one`,
    );
  const signs = Math.min(...were);
  if (oldestServiceAccountKey > signs)
    throw refuse(
      "oldest_service_account_key",
      `${oldestServiceAccountKey} would end the tokens that are signed with key ${signs} today; give ${signs}, and raise it an hour after the 'up' that brings key ${serviceAccountKey}`,
    );
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
