import { type Issue, type Path, show } from "../issues";
import { readPrivateKey } from "../privateKey";
import { type Check, type ClusterDraft, nodesOf } from "./types";

/** Every node can be logged in to: there is one source of keys, and the files are there. */
export const sshKeys: Check = (file, baseDir) => [
  ...keySource(file),
  ...keyFiles(file).flatMap(({ path, name }) => {
    const read = readPrivateKey(name, baseDir);
    return "problem" in read ? [{ path, message: `${show(name)} ${read.problem}` }] : [];
  }),
];

function keySource(file: ClusterDraft): Issue[] {
  const ssh = file.cluster?.ssh;
  if (ssh?.agent === undefined) return [];
  if (ssh.agent && ssh.private_key_file !== undefined) {
    return [
      {
        path: ["cluster", "ssh", "agent"],
        message: "true excludes private_key_file; remove one of the two",
      },
    ];
  }
  const nodes = nodesOf(file);
  const everyNodeHasItsOwn =
    nodes.length > 0 && nodes.every(({ node }) => node.ssh?.private_key_file !== undefined);
  if (ssh.agent || ssh.private_key_file !== undefined || everyNodeHasItsOwn) return [];
  return [
    {
      path: ["cluster", "ssh"],
      message: "names no key to log in with; give private_key_file, or agent: true for ssh-agent",
    },
  ];
}

function keyFiles(file: ClusterDraft): { path: Path; name: string }[] {
  const ssh = file.cluster?.ssh;
  return [
    { path: ["cluster", "ssh"], name: ssh?.private_key_file },
    { path: ["cluster", "ssh", "bastion"], name: ssh?.bastion?.private_key_file },
    ...nodesOf(file).map(({ node, index }) => ({
      path: ["nodes", index, "ssh"],
      name: node.ssh?.private_key_file,
    })),
  ].flatMap(({ path, name }) =>
    name === undefined ? [] : [{ path: [...path, "private_key_file"], name }],
  );
}
