import { createHash } from "node:crypto";
import { z } from "zod";
import { host, port, user } from "../config/fields";
import { OperatorError } from "../commands/command";
import type { Login } from "./machine";

/** A key as `ssh-keygen -l` prints it. */
export function fingerprint(hostKey: string): string {
  const [, blob = ""] = hostKey.split(" ");
  const sum = createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64");
  return `SHA256:${sum.replace(/=+$/, "")}`;
}

const parts = z.object({ host, port, user });

/**
 * `[USER@]HOST[:PORT]`.
 * @param usual what holds where the text does not say; default: root, and 22
 * @throws OperatorError
 */
export function parseLogin(text: string, usual: Partial<Pick<Login, "user" | "port">> = {}): Login {
  const [, name = usual.user ?? "root", where = "", at = String(usual.port ?? 22)] =
    /^(?:(.*)@)?(.*?)(?::(\d+))?$/.exec(text) ?? [];
  const parsed = parts.safeParse({ user: name, host: where, port: Number(at) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const value = { user: name, host: where, port: at }[String(issue?.path[0])];
  throw new OperatorError(
    `${JSON.stringify(text)} is no machine to log in to: ${JSON.stringify(value)} ${issue?.message}; ` +
      "give [USER@]HOST[:PORT], such as root@10.0.0.11",
  );
}
