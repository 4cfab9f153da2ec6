import { z } from "zod";
import type { ClusterPlan, NodePlan } from "../../config/plan";
import { renderAtOnce } from "../program";
import { preflight } from ".";

const word = z.string().min(1).max(100);
const id = (form: RegExp) => z.string().regex(form).or(z.literal(""));

/** The form of a machine's facts. */
export const machineFacts = z.strictObject({
  os: word,
  kernel: word,
  architecture: z.enum(["amd64", "arm64"]),
  cpus: z.int().positive(),
  memoryMiB: z.int().positive(),
  /** Empty where the file accepts a machine without one. */
  machineId: id(/^[0-9a-f]{32}$/),
  /** Of the interface that carries the node's address. */
  macAddress: id(/^[0-9a-f]{2}(:[0-9a-f]{2})+$/).refine((mac) => mac.length < 100),
  /** The hardware's own; empty where the machine has none to itself. */
  productUuid: id(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  cgroup: z.enum(["v1", "v2"]),
});

export const finding = z.strictObject({
  /** By which the file may accept it. */
  name: z.string().min(1).max(40),
  text: z.string().max(2000),
  remedy: z.string().max(2000),
});
export type Finding = z.infer<typeof finding>;

/** What a machine answers that is examined without an `up`. */
export const examination = z.strictObject({
  /** Whether the cluster has it: then its own ports, files and links are no findings. */
  taken: z.boolean(),
  findings: z.array(finding).max(200),
  facts: machineFacts,
});

/** The step's own script, which prints what it finds and writes nothing. The cluster's id is in the stack: its name has to do. */
export function examinationProgram(cluster: ClusterPlan, node: NodePlan): string {
  const { script, variables } = preflight({ cluster, node });
  return renderAtOnce({
    script,
    variables: {
      NODE: node.name,
      NODE_IP: node.ip,
      STEP: script,
      CLUSTER_ID: "",
      CLUSTER_NAME: cluster.name,
      ANSWER: "json",
      // Plain texts: preflight asks no resource for any.
      ...(variables as Readonly<Record<string, string>>),
    },
  });
}
