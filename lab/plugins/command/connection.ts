import type { CheckFailure } from "../shared/resource";
import { conceal, hasUnknown, isObject, type Properties, type Value } from "../shared/values";

/** How a machine is reached; as in `@pulumi/command`, whose defaults are filled in already. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  /** Default: `SSH_AUTH_SOCK`, where that is set. */
  readonly agentSocketPath?: string;
  /** A line as in `authorized_keys`. Default: any key is taken. */
  readonly hostKey?: string;
  /** How many dials may fail and be repeated; -1 for any number. */
  readonly dialErrorLimit: number;
  /** In seconds, for the TCP connection alone; 0 for no limit. */
  readonly perDialTimeout: number;
  /** A machine to go through: the same properties, except that it has no proxy itself. */
  readonly proxy?: Connection;
}

const defaults = { port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 };
const types: Readonly<Record<string, "string" | "number">> = {
  host: "string",
  port: "number",
  user: "string",
  password: "string",
  privateKey: "string",
  privateKeyPassword: "string",
  agentSocketPath: "string",
  hostKey: "string",
  dialErrorLimit: "number",
  perDialTimeout: "number",
};

export function withDefaults(connection: Value | undefined): Value | undefined {
  if (!isObject(connection)) return connection;
  const { proxy } = connection;
  const filled = { ...defaults, ...connection };
  return isObject(proxy) ? { ...filled, proxy: { ...defaults, ...proxy } } : filled;
}

const secrets = new Set(["password", "privateKey", "privateKeyPassword"]);

/** A connection as the state has it: what is secret of it is marked, also in the whole, which is secret itself. */
export function withSecrets(connection: Value | undefined): Value | undefined {
  if (!isObject(connection)) return connection;
  const { proxy } = connection;
  const marked = conceal(connection, secrets);
  return isObject(proxy) ? { ...marked, proxy: conceal(proxy, secrets) } : marked;
}

/** What is wrong with a connection. No failure shows a value: most of them are secret. */
export function checkConnection(connection: Value | undefined): CheckFailure[] {
  if (connection === undefined || connection === null) {
    return [{ property: "connection", reason: "Missing required property 'connection'" }];
  }
  if (!isObject(connection)) {
    return hasUnknown(connection)
      ? []
      : [{ property: "connection", reason: "must be an object with a 'host'" }];
  }
  const { proxy, ...own } = connection;
  const failures = checkHop(own, "connection");
  return isObject(proxy) ? [...failures, ...checkHop(proxy, "connection.proxy")] : failures;
}

function checkHop(hop: Properties, path: string): CheckFailure[] {
  const missing: CheckFailure[] =
    (hop.host ?? null) === null
      ? [{ property: `${path}.host`, reason: `Missing required property '${path}.host'` }]
      : [];
  const wrong = Object.entries(hop)
    .map(([name, value]) => ({ property: `${path}.${name}`, reason: fault(name, value) }))
    .filter((failure): failure is CheckFailure => failure.reason !== undefined);
  return [...missing, ...wrong];
}

function fault(name: string, value: Value): string | undefined {
  const type = types[name];
  if (!type) return `Unknown property; known are ${Object.keys(types).join(", ")}`;
  if (value === null || typeof value === type || hasUnknown(value)) return undefined;
  return `must be a ${type}, is a ${typeof value}`;
}
