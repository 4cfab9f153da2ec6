import type { ClusterPlan } from "./plan";
import { ports } from "./ports";
import type { ClusterFile } from "./schema";

/** Where clients outside the cluster find the API. */
export interface EndpointPlan {
  /** Default: the VIP, else the first master's address (empty without masters). */
  readonly host: string;
  readonly port: number;
  /** An address that one of the masters holds at a time; absent: none. */
  readonly vip?: VipPlan;
}

export interface VipPlan {
  readonly address: string;
  /** Number of the address in VRRP: 1 to 255. */
  readonly routerId: number;
}

/** Host and port of `host[:port]`; of the API's own port where there is none. */
export function hostAndPort(text: string): { readonly host: string; readonly port: number } {
  const [host = "", port = String(ports.apiServer)] = text.split(":");
  return { host, port: Number(port) };
}

/** What of it may be missing. */
interface Said {
  readonly host?: string | undefined;
  readonly vip?: string | undefined;
  readonly names?: readonly (string | undefined)[] | undefined;
}

/** Every name and address by which it has the API called. */
export const namesOf = ({ host, vip, names = [] }: Said = {}): string[] =>
  [host && hostAndPort(host).host, vip, ...names].filter((name) => name !== undefined);

/** @param first address of the first master */
export function deriveEndpoint(
  { host, vip, router_id }: NonNullable<ClusterFile["cluster"]["endpoint"]> = { names: [] },
  first: string,
): EndpointPlan {
  return {
    ...hostAndPort(host ?? vip ?? first),
    ...(vip !== undefined && {
      vip: { address: vip, routerId: router_id ?? Math.max(1, Number(vip.split(".").at(-1))) },
    }),
  };
}

/**
 * Where the program itself asks the API. Nobody holds the VIP yet when it is asked for the first time; a preview, too, asks
 * before it is there.
 */
export function ownEndpoint({
  endpoint,
  masters,
}: Pick<ClusterPlan, "endpoint" | "masters">): Pick<EndpointPlan, "host" | "port"> {
  const [first] = masters;
  return first && endpoint.host === endpoint.vip?.address ? hostAndPort(first.ip) : endpoint;
}
