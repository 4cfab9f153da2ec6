import { type ClusterStatus, listed, reportsOf } from "../cluster";
import { about, type Finding } from "../finding";
import { notesSteps } from "../progress";

/** Machines of which it is not known how far an `up` got: all their steps ran before they noted it. */
export function judgeNotes({ answers }: ClusterStatus): Finding[] {
  const silent = reportsOf(answers).filter((told) => !notesSteps(told));
  return silent.length === 0
    ? []
    : [
        about("machine").notice(
          `how far an up got on ${listed(silent.map(({ node }) => node.name))} is not known: an earlier release did their steps`,
          "run pulumi up, which notes each step there",
        ),
      ];
}
