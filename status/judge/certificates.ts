import { type ClusterStatus, type Finding, listed, reportsOf } from "../cluster";

/** Days before a certificate's end: from the first on an `up` renews it, by the second it should have been. */
const renewable = 60;
const urgent = 14;

interface Certificate {
  readonly node: string;
  readonly path: string;
  readonly days: number;
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
    remedy: "this authority must be replaced, and with it every certificate it signed",
  },
  { makes: () => true, within: renewable, remedy: "run pulumi up, which renews them" },
];

/** Days until a certificate's end, rounded down. */
export const daysLeft = (expires: string, now: number) =>
  Math.floor((Date.parse(expires) / 1000 - now) / 86400);

/** How bad it is that a certificate ends; undefined: not at all. */
export function judgeEnd(path: string, days: number): Finding["severity"] | undefined {
  if (days < urgent) return "problem";
  const within = makers.find(({ makes }) => makes(path))?.within ?? 0;
  return days < within ? "notice" : undefined;
}

/** Certificates that end soon or have ended, in one finding for each that makes them anew. */
export function judgeCertificates({ answers, now }: ClusterStatus): Finding[] {
  const all = reportsOf(answers).flatMap(({ node, report }) =>
    report.certificates.map(({ path, expires }) => ({ node: node.name, path, expires })),
  );
  const damaged = all.filter(({ expires }) => expires === null);
  const soon = all
    .flatMap(({ node, path, expires }) =>
      expires === null ? [] : [{ node, path, days: daysLeft(expires, now) }],
    )
    .sort((a, b) => a.days - b.days)
    .map((certificate) => ({
      ...certificate,
      maker: makers.find(({ makes }) => makes(certificate.path)),
    }));
  return [
    ...damaged.map(({ node, path }): Finding => ({
      severity: "problem",
      node,
      what: `${path} on ${node} holds no certificate`,
      remedy: "raise the node's generation in the file and run pulumi up",
    })),
    ...makers.flatMap((maker) => {
      const ending = soon.filter(({ maker: own, days }) => own === maker && days < maker.within);
      return ending.length === 0 ? [] : [finding(ending, maker.remedy)];
    }),
  ];
}

/** @param ending the first to end first */
function finding(ending: readonly Certificate[], remedy: string): Finding {
  const [{ node, path, days } = { node: "", path: "", days: 0 }, ...more] = ending;
  const nodes = [...new Set(ending.map(({ node }) => node))];
  const when = days < 0 ? `ended ${-days} days ago` : `ends in ${days} days`;
  const others = more.length === 0 ? "" : `, and ${more.length} more on ${listed(nodes)} soon`;
  return {
    severity: days < urgent ? "problem" : "notice",
    ...(nodes.length === 1 ? { node } : {}),
    what: `${path} on ${node} ${when}${others}`,
    remedy,
  };
}
