import { z } from "zod";
import { didYouMean } from "./didYouMean";
import { checked, counter, network, textOf } from "./fields";
import { knownFlags } from "./flags";
import { type Daemon, ownedFlags, refusedFlags, refusedValues } from "./owned";
import { type BadVersion, kubernetesMinors } from "./versions";

const partsOf = (version: string) =>
  [version.replace(/\.\d+$/, ""), Number(version.split(".")[2])] as const;

/** A version of one of these minor ones, in full. */
export const versionOf = (
  minors: readonly string[],
  example: string,
  bad: readonly BadVersion[] = [],
) =>
  checked((value) => {
    if (!/^\d+\.\d+\.\d+$/.test(value)) {
      return `is not a full version; give three numbers without a leading v, such as ${example}`;
    }
    const [minor, patch] = partsOf(value);
    if (!minors.includes(minor))
      return `is not supported by this release; give a version of ${minors.join(", ")}`;
    const known = bad.find(
      ({ mended }) => minor === partsOf(mended)[0] && patch < partsOf(mended)[1],
    );
    return known && `${known.why}; give ${known.mended} or later`;
  }).meta({ pattern: "^\\d+\\.\\d+\\.\\d+$" });

export const kubernetesVersion = versionOf(kubernetesMinors, "1.36.3");

const word = "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?";
const keyPattern = new RegExp(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?${word}$`);
const badKey =
  "is not a valid key; give at most 63 letters, digits, dashes, dots and underscores, after an optional domain and slash, such as example.org/rack";

/** Labels the kubelet sets from what it runs on, and would set back. */
const kubeletLabels = [
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
];

/** Labels that follow from a node's roles; others of the same prefix are free. */
const roleLabels = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/worker"];

export const labelKey = checked((key) => {
  if (!keyPattern.test(key)) return badKey;
  if (roleLabels.includes(key)) {
    return "is a label Groundwork sets from the node's roles; remove it";
  }
  return kubeletLabels.includes(key)
    ? "is a label the kubelet sets by itself; remove it"
    : undefined;
});

const badValue =
  "is not a valid value; give at most 63 letters, digits, dashes, dots and underscores, or nothing";
export const labelValue = z.string().regex(new RegExp(`^(${word})?$`), badValue);

export const taintKey = checked((key) => {
  if (!keyPattern.test(key)) return badKey;
  if (key === "node-role.kubernetes.io/control-plane") {
    return "is a taint Groundwork sets: a master has it unless it has the role worker too; remove it";
  }
  return key.startsWith("node.kubernetes.io/")
    ? "is a taint Kubernetes sets by itself; remove it"
    : undefined;
});

/** Why a flag may not be set; nothing where it may. */
function refused(daemon: Daemon, name: string): string | undefined {
  const [, why] =
    Object.entries(refusedFlags[daemon]).find(([pattern]) =>
      new RegExp(`^${pattern.replace("*", ".*")}$`).test(name),
    ) ?? [];
  if (why !== undefined) return why;
  if (ownedFlags[daemon].includes(name)) return "is a flag Groundwork sets by itself; remove it";
  if (knownFlags[daemon].includes(name)) return undefined;
  const meant = didYouMean(name, knownFlags[daemon]);
  return `is none of ${daemon}'s flags; ${meant === undefined ? "remove it" : `did you mean ${meant}?`}`;
}

/** The value of a flag in a unit file. */
export const flagValue = textOf(
  z
    .string()
    .regex(
      /^[^\s"'\\$%]*$/,
      "is no value of a flag here; give one without spaces, quotes, \\, $ and %",
    ),
).describe("Value of the flag.");

/** `extra_args` of a program. */
export function extraArgs(daemon: Daemon) {
  const flag = checked((name) =>
    /^[a-z][a-z0-9-]*$/.test(name)
      ? refused(daemon, name)
      : "is not the name of a flag; give it without leading dashes",
  );
  return z
    .record(flag, flagValue)
    .superRefine((given, context) => {
      for (const [name, [pattern, why]] of Object.entries(refusedValues[daemon] ?? {})) {
        const value = given[name];
        if (value !== undefined && pattern.test(value))
          context.addIssue({ code: "custom", path: [name], message: why });
      }
    })
    .default({})
    .describe(`Further flags of ${daemon}, without leading dashes.`);
}

/** A program of which only flags can be set. */
const flags = (daemon: Daemon, turn: string) =>
  z
    .strictObject({ extra_args: extraArgs(daemon) })
    .prefault({})
    .describe(`Settings of ${daemon}; a change rolls through the ${turn}.`);

const everyNode = "masters one by one, then through the workers in batches";

/** How changes go through the nodes. */
export const rollout = z
  .strictObject({
    batch: z
      .union([
        z.number().int().min(1, "is too small; give at least 1"),
        z
          .string()
          .regex(
            /^([1-9]\d?|100)%$/,
            "is no share; give a whole number of nodes, or of percent, such as 10%",
          ),
      ])
      .default("10%")
      .describe("How many workers change at a time: a number, or a share such as 10%, rounded up."),
    drain: z
      .enum(["minor", "always"])
      .default("minor")
      .describe(
        "Upgrades of Kubernetes for which each node is drained: minor, for another minor version, which Kubernetes asks for; always, for patches, too.",
      ),
    drain_seconds: z
      .number()
      .int()
      .min(10, "is too short; give 10 to 300 seconds")
      .max(300, "is too long; give 10 to 300 seconds")
      .default(300)
      .describe(
        "Seconds in which the pods of a node have to leave it before an upgrade; where they do not, the upgrade ends there, and the node takes pods again.",
      ),
  })
  .prefault({})
  .describe("How a change of what all nodes run goes through those that are in the cluster.");

/** Counters of keys. */
export const rotations = z
  .strictObject({
    encryption_key: counter(
      "Counter to raise when Secrets are to be encrypted with another key in etcd; it is not lowered again. See Rotate keys.",
    ),
    service_account_key: counter(
      "Counter to raise when tokens of service accounts are to be signed with another key. See Rotate keys.",
    ),
    oldest_service_account_key: counter(
      "Number of the oldest key whose tokens are taken; at most service_account_key. Raise it when no token of the former one is in use.",
    ),
    authorities: counter(
      "Counter to raise when the authorities of Kubernetes, etcd, the front proxy and what kubelets serve with are to be followed by others; it is not lowered again. See Rotate keys.",
    ),
    oldest_authorities: counter(
      "Number of the oldest authorities that are trusted; at most authorities. Raise it when nobody has a certificate of the former ones any more.",
    ),
  })
  .refine((given) => given.oldest_service_account_key <= given.service_account_key, {
    path: ["oldest_service_account_key"],
    error: "is a key that there is not yet; give at most service_account_key",
  })
  .refine((given) => given.oldest_authorities <= given.authorities, {
    path: ["oldest_authorities"],
    error: "counts authorities that there are not yet; give at most authorities",
  })
  .prefault({})
  .describe(
    "Counters of keys and authorities, each to be raised when they are to be followed by others.",
  );

export const controllerManager = flags("kube-controller-manager", "masters one by one");
export const scheduler = flags("kube-scheduler", "masters one by one");
export const etcd = flags("etcd", "masters one by one");

/** How kube-proxy leads packets to Services, as far as Kubernetes has it; `off`: something else does. */
export const kubeProxyModes = ["nftables", "iptables", "ipvs", "off"] as const;

export const kubeProxy = z
  .strictObject({
    mode: z
      .enum(kubeProxyModes)
      .default("nftables")
      .describe(
        "What kube-proxy leads packets to Services by; off: no node runs it, and what does its work is yours to install.",
      ),
    nodeport_addresses: z
      .array(
        checked((value) =>
          value === "primary" || network.safeParse(value).success
            ? undefined
            : "is no network; give one such as 10.0.0.0/24, or primary for the address of the node",
        ).describe("Network, such as 10.0.0.0/24, or primary: the address of the node."),
      )
      .default([])
      .describe(
        "Networks in which a node's addresses take NodePorts; default: as Kubernetes has it in each mode, with nftables the node's own address, else all.",
      ),
    extra_args: extraArgs("kube-proxy"),
  })
  .prefault({})
  .describe(`Settings of kube-proxy; a change rolls through the ${everyNode}.`);
