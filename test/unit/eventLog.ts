/** What `pulumi up --event-log` writes, in small: some machines with steps, a line an event, secrets in the inputs. */
interface Step {
  readonly type?: string;
  readonly name: string;
  readonly op?: string;
  readonly begin: number;
  /** Absent: the log ends before. */
  readonly end?: number;
  readonly failed?: boolean;
  readonly component?: boolean;
}

export const secret = "c2VjcmV0LW9mLXRoZS1jbHVzdGVy";
const start = 1_780_000_000;

export function eventLog(steps: readonly Step[]): string {
  const events = steps.flatMap((step) => {
    const { type = "command:remote:Command", name, op = "create", begin, end, failed } = step;
    const urn = `urn:pulumi:dev::groundwork::groundwork:index:Cluster$${type}::${name}`;
    const inputs = { connection: { password: secret }, stdin: `main() {\n${secret}\n}` };
    const state = {
      type,
      urn,
      custom: step.component !== true,
      inputs,
      outputs: { stdout: secret },
    };
    const metadata = { op, urn, type, old: null, new: state, provider: secret, keys: [secret] };
    return [
      { at: begin, event: { resourcePreEvent: { metadata } } },
      ...(end === undefined
        ? []
        : [
            { at: end, event: { [failed ? "resOpFailedEvent" : "resOutputsEvent"]: { metadata } } },
          ]),
    ];
  });
  const message = { diagnosticEvent: { message: secret, color: "raw", severity: "info" } };
  return [
    { at: 0, event: { preludeEvent: { config: { "groundwork:secret": secret } } } },
    ...events,
    { at: Math.max(...steps.map(({ begin, end = begin }) => end)), event: message },
  ]
    .sort((a, b) => a.at - b.at)
    .map(({ at, event }, sequence) =>
      JSON.stringify({ sequence, timestamp: start + Math.floor(at), ...event }),
    )
    .join("\n");
}

/** A first `up` of some machines. */
export function firstUp(masters: number, workers: number): Step[] {
  const names = [
    ...Array.from({ length: masters }, (_, i) => `master-0${i + 1}`),
    ...Array.from({ length: workers }, (_, i) => `worker-0${i + 1}`),
  ];
  const component = { type: "groundwork:index:Machine", component: true };
  return [
    { name: "pki-ca-key", type: "tls:PrivateKey", begin: 2, end: 2.2 },
    { name: "pki-ca-cert", type: "tls:SelfSignedCert", begin: 2.2, end: 2.4 },
    { name: "cluster-id", type: "random:RandomUuid", op: "same", begin: 1, end: 1 },
    ...names.flatMap((name, i) => {
      const master = name.startsWith("master");
      const at = master ? i * 6 : 8;
      return [
        { ...component, name, begin: 1, end: 1 },
        { name: `${name}-preflight`, begin: 3, end: 4 + i / 5 },
        { name: `${name}-claim`, begin: 6, end: 6.4 + i / 9 },
        { name: `${name}-prepare`, begin: 7, end: 15 + i },
        { name: `${name}-credentials`, begin: 15 + i, end: 16 + i },
        ...(master
          ? [
              { name: `${name}-etcd`, begin: 20 + at, end: 22 + at },
              { name: `${name}-control-plane`, begin: 22 + at, end: 29 + at },
            ]
          : []),
        { name: `${name}-kubelet`, begin: 30 + at, end: 36 + at },
        { name: `${name}-admit`, begin: 36 + at, end: 38 + at },
      ];
    }),
    { name: "etcd-genesis", begin: 17, end: 20 },
    {
      name: "addons-flannel",
      type: "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
      begin: 29,
      end: 30,
    },
    { name: "dns-coredns", type: "kubernetes:apps/v1:Deployment", begin: 30, end: 31 },
  ];
}
