import { createHash } from "node:crypto";
import { firewallRules } from "../../steps/firewall/rules";
import { type ClusterStatus, reportsOf, type Told } from "../cluster";
import { about, type Finding } from "../finding";
import { isDone } from "../progress";

const { problem } = about("machine");

const open = "what it listens at for the cluster is open to whoever reaches it";

/** Whether each machine closes what the cluster listens at to all but those of the file. */
export function judgeFirewall({ plan, answers }: ClusterStatus): Finding[] {
  return reportsOf(answers).flatMap((told) => judgeOne(told, plan));
}

function judgeOne(told: Told, plan: ClusterStatus["plan"]): Finding[] {
  const {
    node,
    report: { firewall },
  } = told;
  const { name } = node;
  const finding = (what: string, remedy: string) => [problem(`${name} ${what}`, remedy, name)];
  if (!plan.networking.firewall)
    return firewall
      ? finding("has a firewall of the cluster's yet, and the file has none", "run pulumi up")
      : [];
  // Of a step that was not done enough is said.
  if (!isDone(told, "firewall")) return [];
  const anew = "systemctl restart groundwork-firewall there loads them";
  if (!firewall)
    return finding(
      `has no rules of the cluster's firewall: ${open}`,
      "run pulumi up with a change of cluster.networking.firewall, or raise its generation",
    );
  if (firewall.kernel === "absent")
    return finding(
      `has no table of the cluster's firewall in its kernel: ${open}`,
      `${anew}; look who took them away: 'nft flush ruleset' does, which /etc/nftables.conf and other tools may run`,
    );
  if (firewall.rules !== createHash("sha256").update(firewallRules(plan, node)).digest("hex"))
    return finding("has a firewall by other nodes than the file's", "run pulumi up");
  if (firewall.kernel !== "same")
    return finding(
      "has other rules in the cluster's table of nftables than were written for it",
      `${anew}; look who changes the table inet groundwork`,
    );
  return [];
}
