/** Names of Ceph's releases by their major numbers, as `ceph osd require-osd-release` takes them: those that systems here have, and the next. */
const releases: Readonly<Record<number, string>> = {
  16: "pacific",
  17: "quincy",
  18: "reef",
  19: "squid",
  20: "tentacle",
};

interface BadCeph {
  /** The first that does it; of the same major number as `mended`. */
  readonly from: string;
  /** The first that is mended. */
  readonly mended: string;
  /** What it does, and who says so: the middle of a sentence. */
  readonly why: string;
}

/** Versions of Ceph that are known to lose what OSDs hold on the ways that a cluster goes here: replicated pools, no file system, no gateway. */
const bad: readonly BadCeph[] = [
  {
    from: "16.2.0",
    mended: "16.2.7",
    why: "may corrupt the omap of OSDs that an older release made (tracker.ceph.com/issues/53062)",
  },
  {
    from: "17.2.8",
    mended: "17.2.9",
    why: "may leave an OSD whose BlueFS does not open again (tracker.ceph.com/issues/71199)",
  },
  {
    from: "18.2.5",
    mended: "18.2.7",
    why: "may leave an OSD whose BlueFS does not open again (tracker.ceph.com/issues/69764)",
  },
  {
    from: "20.2.0",
    mended: "20.2.1",
    why: "may lose data that is read from the nearest copy (tracker.ceph.com/issues/73997)",
  },
];

/** Ways that upstream's notes warn of: who comes from `from` or later of that major number takes `least` or later of the next. */
const badWays = [
  {
    from: "19.2.6",
    least: "20.2.4",
    why: "would have its managers upgraded and nothing else (notes of 20.2.4)",
  },
] as const;

const majorOf = (version: string) => Number(version.split(".")[0]);

/** Upstream's part of a package's version: of `19.2.3-1~bpo12+1` it is 19.2.3. */
export const upstreamCeph = (version: string) => /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => upstreamCeph(version).split(".").map(Number));
  return left?.map((part, i) => part - (right?.[i] ?? 0)).find((by) => by !== 0) ?? 0;
}

/** Name of the release that a version is of. */
export const cephRelease = (version: string): string => releases[majorOf(version)] ?? "";

/** Why a file may not ask for a version: a sentence's end behind it, with the remedy. */
export function problemOfCeph(version: string): string | undefined {
  if (!/^\d+\.\d+\.\d+([+~.][\w.+~]*)?(-[\w.+~]+)?$/.test(version))
    return "is no version of Ceph; give upstream's in full, such as 19.2.3, or a package's, such as 19.2.3-1~bpo12+1";
  const numbers = Object.keys(releases).map((major) => `${major}.2`);
  if (!numbers.includes(version.split(".").slice(0, 2).join(".")))
    return `is not supported by this release; give a version of ${numbers.join(", ")}`;
  const known = bad.find(
    ({ from, mended }) => compare(version, from) >= 0 && compare(version, mended) < 0,
  );
  return known && `${known.why}; give ${known.mended} or later`;
}

/** Why a cluster cannot go from one version to another: the middle of a sentence, with the remedy. */
export function problemOfCephWay(was: string, wanted: string): string | undefined {
  if (compare(wanted, was) < 0)
    return `is older than what Ceph runs, ${was}: an older one does not read what a newer one has stored; set ${was} or later`;
  const majors = majorOf(wanted) - majorOf(was);
  if (majors > 2)
    return `is ${majors} major releases newer than what Ceph runs, ${was}, and Ceph skips at most one; set a version of ${majorOf(was) + 2}.2 or ${majorOf(was) + 1}.2 first`;
  const way = badWays.find(
    ({ from, least }) =>
      majorOf(from) === majorOf(was) &&
      compare(was, from) >= 0 &&
      majorOf(wanted) === majorOf(least) &&
      compare(wanted, least) < 0,
  );
  return way && `coming from ${was}, ${way.why}; set ${way.least} or later`;
}

/** {@link bad} as `judge_ceph` in steps/ceph-host takes it: lines of first, mended, and why. */
export const badCephLines = bad
  .map(({ from, mended, why }) => `${from} ${mended} ${why}`)
  .join("\n");

/** {@link badWays} as `judge_way` in steps/ceph-upgrade takes it: lines of from, least, and why. */
export const badCephWayLines = badWays
  .map(({ from, least, why }) => `${from} ${least} ${why}`)
  .join("\n");
