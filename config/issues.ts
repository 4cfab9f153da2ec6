import { RunError } from "@pulumi/pulumi/errors";

/** Where in the file: keys of mappings and indexes of lists. */
export type Path = readonly (string | number)[];

/** One problem of the file. */
export interface Issue {
  readonly path: Path;
  /** The offending value, the rule it breaks and the remedy, in one line. */
  readonly message: string;
}

/**
 * Everything that is wrong with a cluster file, at once.
 * A RunError, so that Pulumi prints the message alone: a stack trace helps nobody to mend a file.
 */
export class ClusterConfigError extends RunError {
  constructor(
    file: string,
    readonly issues: readonly Issue[],
  ) {
    const count = issues.length === 1 ? "one problem" : `${issues.length} problems`;
    const lines = [...issues].sort(byPath).map(({ path, message }) => `  ${at(path)}${message}`);
    const message = `${file} has ${count}:\n${lines.join("\n")}`;
    super(message);
    this.name = "ClusterConfigError";
    this.stack = message;
    // The SDK puts a property's name before it for each resource that an error keeps from being made: hundreds of them.
    Object.defineProperty(this, "message", { get: () => message, set: () => undefined });
  }
}

/** That the cluster which is there cannot become what the file says at one place. */
export const refusal = (file: string, path: Path, message: string) =>
  new ClusterConfigError(file, [{ path, message: `${message}; nothing was changed` }]);

/** `nodes[2].ip`; keys that are no plain words are quoted: `labels["example.org/rack"]`. */
export function formatPath(path: Path): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(part)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join("");
}

/**
 * A value as an error message shows it: short, on one line, and quoted where it would not read as one word. Credentials
 * in a URL and private keys are left out, as messages end up in logs.
 */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  const text = String(value)
    .replace(/\/\/[^/@\s]*@/, "//...@")
    .replace(/(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^]+/, "$1...");
  const short = text.length > 48 ? `${text.slice(0, 45)}...` : text;
  return typeof value !== "string" || /^[\w.:/@~+-]+$/.test(short) ? short : JSON.stringify(short);
}

function at(path: Path): string {
  return path.length === 0 ? "" : `${formatPath(path)}: `;
}

/** In the order of the file: the cluster, then the nodes one after the other. */
function byPath(a: Issue, b: Issue): number {
  for (let i = 0; i < Math.min(a.path.length, b.path.length); i++) {
    const [left, right] = [a.path[i], b.path[i]];
    if (left === right) continue;
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left) < String(right) ? -1 : 1;
  }
  return a.path.length - b.path.length;
}
