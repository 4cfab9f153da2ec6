import * as pulumi from "@pulumi/pulumi";
import type { Issue, Path } from "../config/issues";
import { fileField, placeOf, secretAt } from "./places";

/** A value that is taken out of the arguments: another resource makes it, or it is a secret. */
export interface Found {
  readonly path: Path;
  readonly input: pulumi.Input<unknown>;
}

interface Taken {
  /** The arguments without what was found. */
  readonly data: unknown;
  readonly found: readonly Found[];
  readonly issues: readonly Issue[];
}

const remedy =
  "must be known at preview, and is an output of another resource or a promise; give it as a plain value. " +
  "Of a cluster only these may be outputs: ip, host_key, ssh.host, ssh.port, ssh.private_key and ssh.sudo_password of a node, " +
  "cluster.ssh.private_key and sudo_password, and host, port, host_key and private_key of a bastion";

/** Takes out of the arguments what is not known yet, where that may be. */
export function take(args: unknown): Taken {
  const found: Found[] = [];
  const issues: Issue[] = [];
  const visit = (value: unknown, path: Path): unknown => {
    const place = placeOf(path);
    const isLater =
      pulumi.Output.isInstance(value) || value instanceof Promise || pulumi.isUnknown(value);
    if (place && (isLater || (secretAt(path) && typeof value === "string"))) {
      found.push({ path, input: value });
      return undefined;
    }
    if (isLater) {
      issues.push({ path, message: remedy });
      return undefined;
    }
    if (Array.isArray(value)) return value.map((one, i) => visit(one, [...path, i]));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value)
      .map(([key, one]) => [key, visit(one, [...path, key])] as const)
      .filter(([, one]) => one !== undefined);
    return Object.fromEntries(entries);
  };
  const data = visit(args, []);
  const twice = found
    .filter(({ path }) => secretAt(path) && valueAt(data, fileField(path)) !== undefined)
    .map(({ path }) => ({
      path,
      message: `excludes ${fileField(path).at(-1)}; give one of the two`,
    }));
  return { data, found, issues: [...issues, ...twice] };
}

type Container = Readonly<Record<string | number, unknown>>;

export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => (value as Container | undefined)?.[part], data);
}

/** A copy with the value at a path set. */
export function withValue(data: unknown, path: Path, value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  const inner = withValue((data as Container | undefined)?.[first], rest, value);
  if (Array.isArray(data)) return data.map((one, i) => (i === first ? inner : (one as unknown)));
  return { ...(data as Container | undefined), [first]: inner };
}
