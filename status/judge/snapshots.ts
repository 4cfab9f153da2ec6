import { type ClusterStatus, reportsOf, since, span, views } from "../cluster";
import { about, type Finding } from "../finding";

const { notice } = about("etcd");
const journal = (name: string) => `read journalctl -u groundwork-snapshot on ${name}`;

/** The newest snapshot that is good, and the master that took it; undefined: none answers that has one. */
export function newestSnapshot({ answers }: ClusterStatus) {
  return views("etcd", answers)
    .flatMap(({ node, view: { snapshot } }) =>
      snapshot?.good ? [{ node, good: snapshot.good }] : [],
    )
    .sort((a, b) => b.good.time - a.good.time)[0];
}

/** Whether there is a way back: a snapshot of etcd that is good, and not too old. */
export function judgeSnapshots(status: ClusterStatus): Finding[] {
  const { plan, answers, now } = status;
  const { enabled, warnAfter } = plan.etcd.snapshots;
  const masters = views("etcd", answers);
  if (!enabled || masters.length === 0) return [];
  return [...failed(status), ...tooOld()];

  function tooOld(): Finding[] {
    const newest = newestSnapshot(status);
    if (newest) {
      const age = now - newest.good.time;
      if (age <= warnAfter) return [];
      return [
        notice(
          `the last good snapshot of etcd is ${span(age)} old (${newest.good.name} on ${newest.node.name})`,
          journal("the master that leads etcd"),
        ),
      ];
    }
    const starts = reportsOf(answers).flatMap(
      ({ report: { steps } }) => steps["snapshots"]?.at ?? [],
    );
    const waited = Math.max(0, ...starts.map((at) => since(at, now)));
    return waited <= warnAfter
      ? []
      : [notice("there is no snapshot of etcd", journal("the master that leads etcd"))];
  }
}

/** What went wrong when a snapshot was last taken, by whoever did that. */
function failed({ answers, now }: ClusterStatus): Finding[] {
  const [last] = views("etcd", answers)
    .flatMap(({ node, view: { snapshot } }) => (snapshot ? [{ node, ...snapshot }] : []))
    .sort((a, b) => b.tried - a.tried);
  if (!last || last.failure === null) return [];
  const { node, tried, failure } = last;
  return [
    notice(
      `the snapshot of etcd that ${node.name} took ${span(now - tried)} ago failed: ${failure}`,
      `${journal(node.name)}, mend it, and run systemctl start groundwork-snapshot there`,
      node.name,
    ),
  ];
}
