import { type ClusterStatus, listed, reportsOf } from "../cluster";
import { about, type Finding } from "../finding";

const { problem, notice } = about("clock");

/** Seconds by which a clock may differ: etcd and Ceph warn from half a second on, certificates care for more. */
const tolerated = 0.5;

/** Clocks that differ from ours by more than the measurement can be wrong. */
export function judgeClocks({ answers }: ClusterStatus): Finding[] {
  const measured = reportsOf(answers).map(({ node, clock }) => ({ node, ...clock }));
  const wrong = measured.filter(({ offset, error }) => Math.abs(offset) - error > tolerated);
  const by = ({ offset }: { offset: number }) =>
    `${Math.abs(offset).toFixed(1)} s ${offset > 0 ? "ahead" : "behind"}`;
  if (wrong.length === 0) return [];
  // Where all nodes agree with each other, it is this machine's clock that is off.
  const offsets = measured.map(({ offset }) => offset);
  const spread = Math.max(...offsets) - Math.min(...offsets);
  if (measured.length > 1 && wrong.length === measured.length && spread < tolerated) {
    return [
      notice(
        `this machine's clock differs from that of all nodes: ${listed(wrong.map((one) => `${one.node.name} ${by(one)}`))}`,
        "set this machine's clock; certificates made here would not be valid yet, or too old",
      ),
    ];
  }
  return wrong.map((one) =>
    problem(
      `the clock of ${one.node.name} is ${by(one)}`,
      "install and start a time service there (chrony or systemd-timesyncd)",
      one.node.name,
    ),
  );
}
