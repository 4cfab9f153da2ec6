import type { PolicyConfigSchema } from "@pulumi/policy";

/** One value of a policy's configuration. */
interface Setting<T> {
  readonly default: T;
  readonly description: string;
}

/** Values an operator may set in the file given as `--policy-pack-config`, under the policy's name. */
export interface Settings<T extends object> {
  readonly schema: PolicyConfigSchema;
  /** The values in force. */
  readonly of: (args: { getConfig<C extends object>(): C }) => T;
}

/** Settings with their defaults; the type of the default is the type of the value. */
export function settings<T extends Readonly<Record<string, number | string>>>(declared: {
  readonly [K in keyof T]: Setting<T[K]>;
}): Settings<T> {
  const entries = Object.entries<Setting<number | string>>(declared);
  const defaults = Object.fromEntries(entries.map(([name, setting]) => [name, setting.default]));
  return {
    schema: {
      properties: Object.fromEntries(
        entries.map(([name, setting]) => [
          name,
          { type: typeof setting.default === "number" ? "number" : "string", ...setting },
        ]),
      ),
    },
    of: (args) => ({ ...defaults, ...args.getConfig<Partial<T>>() }) as T,
  };
}
