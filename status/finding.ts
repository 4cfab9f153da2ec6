/** A problem makes the cluster unhealthy, a notice does not. */
export type Severity = "problem" | "notice";

/** Something that is not as the file says, or will not stay so. */
export interface Finding {
  readonly severity: Severity;
  /** What of the cluster or of the node it is about. */
  readonly about: Part;
  /** Name of the node it is about; absent: the cluster as a whole, or several nodes. */
  readonly node?: string;
  /** What was found, as a sentence. */
  readonly what: string;
  /** What to do about it, as a sentence. */
  readonly remedy: string;
}

export type Part =
  | "machine"
  | "services"
  | "disk"
  | "clock"
  | "certificates"
  | "etcd"
  | "kubernetes"
  | "network"
  | "ceph";

/** Makes findings about one part. */
export function about(part: Part) {
  const as =
    (severity: Severity) =>
    (what: string, remedy: string, node?: string): Finding => ({
      severity,
      about: part,
      ...(node === undefined ? {} : { node }),
      what,
      remedy,
    });
  return { problem: as("problem"), notice: as("notice") };
}

/** The worst of them; undefined: nothing was found. */
export function worst(severities: readonly (Severity | undefined)[]): Severity | undefined {
  return severities.includes("problem") ? "problem" : severities.find((one) => one !== undefined);
}
