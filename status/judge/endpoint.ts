import { type ClusterStatus, listed, reportsOf } from "../cluster";
import { about, type Finding } from "../finding";
import { isDone } from "../progress";

const { problem } = about("kubernetes");

/** The masters that hold the API's address, as far as they answer. */
export const holdersOf = ({ plan, answers }: ClusterStatus): string[] =>
  reportsOf(answers).flatMap(({ node, report: { vip } }) =>
    plan.endpoint.vip && vip?.address === plan.endpoint.vip.address && vip.held ? [node.name] : [],
  );

/** Whether one master holds the API's address, and no more than one. */
export function judgeEndpoint(status: ClusterStatus): Finding[] {
  const { vip } = status.plan.endpoint;
  const masters = reportsOf(status.answers).filter(({ node }) => node.roles.includes("master"));
  if (!vip || !masters.some((told) => isDone(told, "vip"))) return [];
  const holders = holdersOf(status);
  if (holders.length === 1) return [];
  return holders.length === 0
    ? [
        problem(
          `no master that answers holds the API's address ${vip.address}: who asks there gets no answer`,
          "each lets go of it whose API server does not answer: see journalctl -u groundwork-vip on the masters",
        ),
      ]
    : [
        problem(
          `${listed(holders)} hold the API's address ${vip.address} at once: they do not hear each other`,
          "see whether IP protocol 112 (VRRP) passes between the masters, and journalctl -u groundwork-vip there",
        ),
      ];
}
