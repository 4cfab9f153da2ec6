import { type EtcdArgs, etcd } from "../etcd";
import type { Step } from "../step";

/** etcd is born, once, as one member on this machine. */
export function genesis(args: EtcdArgs): Step<"PEERS" | "READS"> {
  const { variables, files } = etcd(args);
  return { script: "genesis", variables, files };
}
