import { type ClusterStatus, listed, reportsOf } from "../cluster";
import { about, type Finding, type Severity } from "../finding";

const certificates = about("certificates");

/** Days before a certificate's end: from the first on an `up` renews it, by the second it should have been. */
const renewable = 60;
const urgent = 14;

interface Certificate {
  readonly node: string;
  readonly path: string;
  readonly days: number;
  readonly severity: Severity;
}

/** Who makes a certificate anew, in what time before its end that is worth a word, and what the operator does. */
const makers = [
  {
    makes: (path: string) => path.startsWith("/var/lib/kubelet/"),
    within: urgent,
    remedy:
      "kubelets renew them by themselves: read journalctl -u kubelet there, and run pulumi up",
  },
  {
    makes: (path: string) => path.endsWith("ca.crt"),
    within: 365,
    remedy:
      "raise cluster.kubernetes.rotations.authorities and run pulumi up, which has others follow (docs/operations.md, Rotate keys)",
  },
  { makes: () => true, within: renewable, remedy: "run pulumi up, which renews them" },
];

const makerOf = (path: string) => makers.find(({ makes }) => makes(path));

/** Days until a certificate's end, rounded down. */
export const daysLeft = (expires: string, now: number) =>
  Math.floor((Date.parse(expires) / 1000 - now) / 86400);

/** How bad it is that a certificate ends; undefined: not at all. */
export function judgeEnd(path: string, days: number): Severity | undefined {
  if (days < urgent) return "problem";
  return days < (makerOf(path)?.within ?? 0) ? "notice" : undefined;
}

/** Certificates that end soon or have ended, in one finding for each that makes them anew. */
export function judgeCertificates({ answers, now }: ClusterStatus): Finding[] {
  const all = reportsOf(answers).flatMap(({ node, report }) =>
    report.certificates.map(({ path, expires }) => ({ node: node.name, path, expires })),
  );
  const damaged = all.filter(({ expires }) => expires === null);
  const soon = all
    .flatMap(({ node, path, expires }): Certificate[] => {
      if (expires === null) return [];
      const days = daysLeft(expires, now);
      const severity = judgeEnd(path, days);
      return severity ? [{ node, path, days, severity }] : [];
    })
    .sort((a, b) => a.days - b.days);
  return [
    ...damaged.map(({ node, path }) =>
      certificates.problem(
        `${path} on ${node} holds no certificate`,
        "raise the node's generation in the file and run pulumi up",
        node,
      ),
    ),
    ...makers.flatMap((maker) => {
      const ending = soon.filter(({ path }) => makerOf(path) === maker);
      const [first] = ending;
      return first ? [finding(first, ending, maker.remedy)] : [];
    }),
  ];
}

/** @param first the first of `all` to end */
function finding(first: Certificate, all: readonly Certificate[], remedy: string): Finding {
  const { node, path, days, severity } = first;
  const nodes = [...new Set(all.map(({ node }) => node))];
  const when = days < 0 ? `ended ${-days} days ago` : `ends in ${days} days`;
  const more = all.length - 1;
  const others = more === 0 ? "" : `, and ${more} more on ${listed(nodes)} soon`;
  const what = `${path} on ${node} ${when}${others}`;
  return certificates[severity](what, remedy, nodes.length === 1 ? node : undefined);
}
