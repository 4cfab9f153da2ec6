import { spawn } from "node:child_process";
import { json, root } from "./lab";

/** A step of the state: where it ran, with which program, and what it printed. */
export interface Step {
  readonly name: string;
  readonly ip: string;
  readonly command: string;
  readonly program: string;
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
      const { connection, create, stdin } = plain(inputs) as {
        connection: { host: string };
        create: string;
        stdin: string;
      };
      const { stdout } = plain(outputs) as { stdout: string };
      const name = urn.split("::").at(-1) ?? urn;
      return { name, ip: connection.host, command: create, program: stdin, printed: stdout };
    });
}

/** Runs a step's program as the engine does, and answers what it printed. */
export function again(node: string, { command, program }: Step): Promise<string> {
  const child = spawn("lab/ssh", [node, command], { cwd: root });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(program);
  return new Promise((resolve) =>
    child.once("close", (code) => resolve(code === 0 ? stdout : `${stdout}${stderr}[${code}]`)),
  );
}
