import type { Issue } from "../issues";
import { WayError } from "../sshTarget";
import { waysOf } from "./ssh";
import { type Check, type ClusterDraft, managedOf, nodeAt, type NodeDraft } from "./types";

/** Whoever calls has somebody to call, and nothing says how to dial it. */
export const calls: Check = (file, baseDir) => {
  const service = file.cluster?.join_service;
  const place = (field: string) => ["cluster", "join_service", field];
  const half: Issue[] =
    service?.host !== undefined && service.host_key === undefined
      ? [
          {
            path: place("host_key"),
            message: `is missing; make a key ('ssh-keygen -t ed25519 -N "" -f join_service_key') and give the line of its .pub file`,
          },
        ]
      : service?.host_key !== undefined && service.host === undefined
        ? [
            {
              path: place("host_key"),
              message:
                "is a key that nobody shows: the masters show their own; remove it, or give host",
            },
          ]
        : [];
  const calling = managedOf(file).filter(({ node }) => node.via === "call");
  if (calling.length === 0) return half;
  return [
    ...half,
    ...calling.flatMap(({ node, index }) => dialled(node, index)),
    ...(service?.host === undefined ? byMasters(file, calling, baseDir) : []),
  ];
};

/** What says how a node is dialled. */
function dialled(node: NodeDraft, index: number): Issue[] {
  const { bootstrap_address, ssh = {} } = node;
  const written = [
    ...(["host", "bastion"] as const)
      .filter((field) => ssh[field] !== undefined)
      .map((field) => ["ssh", field]),
    ...(bootstrap_address === undefined ? [] : [["bootstrap_address"]]),
  ];
  return written.map((field) => ({
    path: ["nodes", index, ...field],
    message: `says where ${nodeAt(index, node)} is dialled, and nobody dials it: it calls; remove it, or via: call`,
  }));
}

/** The masters take the calls: one is needed that is dialled, without a jump host before it. */
function byMasters(
  file: ClusterDraft,
  calling: ReturnType<typeof managedOf>,
  baseDir: string,
): Issue[] {
  const remedy = "give cluster.join_service.host, and run npm run join-service on that machine";
  const ofMasters = calling
    .filter(({ node }) => node.roles?.includes("master"))
    .map(({ index }) => ({
      path: ["nodes", index, "via"],
      message: `call is not for a master where the masters take the calls; ${remedy}, or have it dialled`,
    }));
  const masters = managedOf(file).filter(
    ({ node }) => node.roles?.includes("master") && node.via !== "call" && !node.lost,
  );
  const [first] = calling;
  if (masters.length === 0 && ofMasters.length === 0 && first) {
    return [
      {
        path: ["nodes", first.index, "via"],
        message: `call leads to nobody: there is no master that takes the calls; ${remedy}`,
      },
    ];
  }
  return [...ofMasters, ...behindBastions(file, masters, baseDir, remedy)];
}

/** A step's SSH client goes through one jump host, and that is the master already. */
function behindBastions(
  file: ClusterDraft,
  masters: ReturnType<typeof managedOf>,
  baseDir: string,
  remedy: string,
): Issue[] {
  const ways = waysOf(file, baseDir);
  // Which another check tells.
  if (ways instanceof WayError) return [];
  return masters
    .filter(({ index }) => ways.get(index)?.bastion !== undefined)
    .map(({ index }) => ({
      path: ["nodes", index],
      message: `is reached through a jump host, and takes the calls of machines that are then reached through it: a step's SSH client goes through one; ${remedy}`,
    }));
}
