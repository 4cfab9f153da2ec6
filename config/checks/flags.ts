import { didYouMean } from "../didYouMean";
import { comeWith, goneFrom, knownFlags } from "../flags";
import { gates, minors } from "../gates/gates";
import type { Issue, Path } from "../issues";
import type { Daemon } from "../owned";
import { knownVersions } from "./checksums";
import { everyLayer } from "./kubelet";
import type { Check, ClusterDraft } from "./types";

const minorOf = (version: string) => version.split(".").slice(0, 2).join(".");
const minorNumber = (version: string) => Number(version.split(".")[1]);

/** Flags that the file gives a program, with their place. */
function given({ cluster }: ClusterDraft): [Daemon, Path, Readonly<Record<string, unknown>>][] {
  const kubernetes = cluster?.kubernetes;
  const of = (daemon: Daemon, place: string, flags: Readonly<Record<string, unknown>> = {}) =>
    [daemon, ["cluster", "kubernetes", place, "extra_args"], flags] as [Daemon, Path, typeof flags];
  return [
    of("kube-apiserver", "api_server", kubernetes?.api_server?.extra_args),
    of("kube-controller-manager", "controller_manager", kubernetes?.controller_manager?.extra_args),
    of("kube-scheduler", "scheduler", kubernetes?.scheduler?.extra_args),
    of("kube-proxy", "kube_proxy", kubernetes?.kube_proxy?.extra_args),
    of("etcd", "etcd", kubernetes?.etcd?.extra_args),
  ];
}

/** Each program has the flags that the file gives it, in the version that the file names. */
export const flagVersions: Check = (file) => {
  const versions = knownVersions(file);
  if (versions === undefined) return [];
  return given(file).flatMap(([daemon, path, flags]) => {
    const [of, version, field] =
      daemon === "etcd"
        ? ["etcd", versions.etcd, "cluster.versions.etcd"]
        : ["Kubernetes", versions.kubernetes, "cluster.kubernetes.version"];
    return Object.keys(flags).flatMap((name): Issue[] => {
      const since = comeWith[daemon]?.[name];
      if (since !== undefined && minorNumber(since) > minorNumber(version))
        return [
          {
            path: [...path, name],
            message: `${name} comes with ${of} ${since}, and ${field} is ${version}; remove it`,
          },
        ];
      const gone = goneFrom(daemon, name);
      if (gone === undefined || minorNumber(gone) > minorNumber(version)) return [];
      const other = name.replace(/^experimental-/, "");
      const meant = knownFlags[daemon].includes(other) && other !== name ? other : undefined;
      return [
        {
          path: [...path, name],
          message: `${name} is gone since ${of} ${gone}, and ${field} is ${version}; ${meant === undefined ? "remove it" : `give ${meant} in its place`}`,
        },
      ];
    });
  });
};

/** Kubernetes has the feature gates that the file sets, in the version that the file names, and lets them be set so. */
export const featureGates: Check = (file) => {
  const version = knownVersions(file)?.kubernetes;
  if (version === undefined) return [];
  const ofPrograms = given(file).flatMap(([daemon, path, flags]): Issue[] => {
    const value = flags["feature-gates"];
    // One that behaves as a former version has that one's gates.
    if (daemon === "etcd" || typeof value !== "string" || "emulated-version" in flags) return [];
    const words = value.split(",").filter((word) => word !== "");
    return words.flatMap((word) => {
      const [, name = "", to = ""] = /^([^=]+)=(.*)$/.exec(word) ?? [];
      const message = /^(true|false)$/i.test(to)
        ? wrong(name, to.toLowerCase(), version)
        : `${word} sets no feature gate; give NAME=true or NAME=false, with commas between`;
      return message === undefined ? [] : [{ path: [...path, "feature-gates"], message }];
    });
  });
  const ofKubelets = everyLayer(file).flatMap(({ path, config }) =>
    Object.entries(config.featureGates ?? {}).flatMap(([name, to]) => {
      const message = wrong(name, String(to), version);
      return message === undefined ? [] : [{ path: [...path, "featureGates", name], message }];
    }),
  );
  return [...ofPrograms, ...ofKubelets];
};

/** Why a gate cannot be set to this; nothing where it can. */
function wrong(name: string, to: string, version: string): string | undefined {
  const all = gates[name];
  const at = minors.findIndex((minor) => minor === minorOf(version));
  const is = all?.[at];
  const ask = `and cluster.kubernetes.version is ${version}; remove it`;
  switch (is) {
    case "o":
      return undefined;
    case "+":
    case "-": {
      const locked = is === "+" ? "true" : "false";
      return to === locked
        ? undefined
        : `${name} cannot be set to ${to} in Kubernetes ${minorOf(version)}, which has it locked to ${locked}; remove it`;
    }
  }
  const there = [...(all ?? "")].flatMap((one, i) => (one === "." ? [] : [i]));
  const before = there.filter((i) => i < at).at(-1);
  if (before !== undefined)
    return `${name} is a feature gate that is gone since Kubernetes ${minors[before + 1]}, ${ask}`;
  const [later] = there;
  if (later !== undefined)
    return `${name} is a feature gate that comes with Kubernetes ${minors[later]}, ${ask}`;
  const meant = didYouMean(
    name,
    Object.keys(gates).filter((other) => gates[other]?.[at] !== "."),
  );
  return `${name} is no feature gate of Kubernetes ${minorOf(version)}; ${meant === undefined ? "remove it" : `did you mean ${meant}?`}`;
}
