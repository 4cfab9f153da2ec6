import { readFileSync } from "node:fs";
import { join } from "node:path";
import { json, must, root, up } from "./lab";

/** A step of the state: where it ran, and what it printed. */
export interface Step {
  readonly name: string;
  readonly ip: string;
  readonly printed: string;
}

/** How the state writes a secret down when it is told to show it. */
const isSecret = (value: object): value is { readonly plaintext: string } => "plaintext" in value;

/** A value of the state without its marks of secrecy. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (isSecret(value)) return plain(JSON.parse(value.plaintext));
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** All steps of the cluster as its last `up` left them, in the order in which they ran. */
export function steps(): Step[] {
  interface Resource {
    readonly type: string;
    readonly urn: string;
    readonly inputs: unknown;
    readonly outputs: unknown;
  }
  const { deployment } = json<{ deployment: { resources: Resource[] } }>(
    "pulumi stack export --show-secrets",
  );
  return deployment.resources
    .filter(({ type }) => type === "command:remote:Command")
    .map(({ urn, inputs, outputs }) => {
      const { connection } = plain(inputs) as { connection: { host: string } };
      const { stdout } = plain(outputs) as { stdout: string };
      const name = urn.split("::").at(-1) ?? urn;
      return { name, ip: connection.host, printed: stdout };
    });
}

/** Address -> name of the lab's machines. */
export const machines = () =>
  new Map(
    readFileSync(join(root, ".lab/machines"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(/\s+/).reverse() as [string, string]),
  );

/**
 * Has the engine run steps again, as though they had run with something else before.
 * @returns what each printed, or what the engine says where the `up` failed
 */
export function again(...own: readonly Step[]): string[] {
  const state = json<{
    deployment: { resources: { urn: string; type: string; inputs: { stdin: string } }[] };
  }>("pulumi stack export");
  for (const { urn, type, inputs } of state.deployment.resources)
    if (type === "command:remote:Command" && own.some(({ name }) => urn.endsWith(`::${name}`)))
      inputs.stdin += "# again\n";
  must("pulumi stack import", { input: JSON.stringify(state) });
  const { status, output } = up();
  const now = new Map(steps().map(({ name, printed }) => [name, printed]));
  return own.map(({ name }) => (status === 0 ? (now.get(name) ?? "") : output));
}
