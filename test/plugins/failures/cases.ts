import { readFileSync } from "node:fs";
import type { SshTarget } from "../../../config/plan";
import { generateKey, run, type Running, startAgent, startOther, startSshd } from "./sshd";

/** A connection that fails, or what runs over it. */
export interface Case {
  readonly name: string;
  readonly target: SshTarget;
  /** Socket of an agent, where there is one. */
  readonly agent?: string;
  /** What runs there once it is let in. */
  readonly program?: string;
  /** What the machine calls itself; default: a name that it can look up. */
  readonly hostname?: string;
}

const place = process.env.PLACE ?? "";

/** Every case, one after the other: its servers run until the next is asked for. */
export async function* cases(): AsyncGenerator<Case> {
  const privateKey = readFileSync(process.env.KEY ?? "", "utf8");
  const stranger = await startSshd();
  const otherKey = stranger.hostKey;
  const ecdsa = await generateKey("ecdsa");
  const password = "PasswordAuthentication yes";
  const at = ({ port, hostKey }: Pick<Running, "port" | "hostKey">, more = {}): SshTarget => ({
    ...{ host: "127.0.0.1", port, user: "root", hostKey, privateKey },
    ...more,
  });
  const nodes: [name: string, lines: string[], more: object, rest?: Partial<Case>][] = [
    ["another host key", [], { hostKey: otherKey }],
    ["a user it does not know", [], { user: "somebody" }],
    ["a user it does not let in", ["AllowUsers root"], { user: "admin" }],
    ["a shell that is not there", [], { user: "noshell" }],
    ["a shell that is nologin", [], { user: "nologin" }],
    ["a forced command", [], { user: "forced" }],
    ["an expired password", [], { user: "expired" }],
    [
      "root's login refused with a message",
      [`AuthorizedKeysFile ${place}/home/cloud/.ssh/authorized_keys`],
      {},
    ],
    ["no key exchange in common", ["KexAlgorithms sntrup761x25519-sha512@openssh.com"], {}],
    ["no cipher in common", ["Ciphers aes256-cbc"], {}],
    ["no MAC in common", ["MACs umac-128@openssh.com", "Ciphers aes256-ctr"], {}],
    ["a host key of a type it does not have", [], { hostKey: ecdsa }],
    ["a second factor", ["AuthenticationMethods publickey,password", password], {}],
    ["a password instead of a key", ["PubkeyAuthentication no", password], {}],
    ["no sudo", [`SetEnv PATH=${place}/bin/nosudo`], { user: "admin" }],
    ["no bash", [`SetEnv PATH=${place}/bin/nobash`], {}],
    ["sudo that asks for a password", [], { user: "asked" }],
    ["a user without sudo", [], { user: "untold" }],
    ["sudo that wants a terminal", [], { user: "ttyonly" }],
    ["sudo for other commands only", [], { user: "limited" }],
    ["an account whose password has expired", [], { user: "aged", sudoPassword: "groundwork" }],
    ["an account that has expired", [], { user: "lapsed" }],
    ["an account that sudo leaves out", [], { user: "barred", sudoPassword: "groundwork" }],
    ["an account that is locked", [], { user: "held", sudoPassword: "groundwork" }],
    ["sudo that only complains", [], { user: "admin" }, { hostname: "w1" }],
    ["sudo that complains, and no bash", [], { user: "bare" }, { hostname: "w1" }],
    [
      "sudo that complains, and a password that is wrong",
      [],
      { user: "asked", sudoPassword: "wrong" },
      { hostname: "w1" },
    ],
    ["sudo that complains, and no user", [], { user: "untold" }, { hostname: "w1" }],
    ["a program that is killed", [], {}, { program: "kill -9 $$\n" }],
    ["a program whose parent is killed", [], {}, { program: "kill -9 $PPID\n" }],
    ["a program that takes too long", [], {}, { program: "exec sleep 60\n" }],
    [
      "a connection that is lost",
      [],
      {},
      {
        program:
          'at=$$; until grep -q "^sshd" /proc/$at/comm; do at=$(awk \'$1 == "PPid:" { print $2 }\' /proc/$at/status); done; kill -9 "$at"; sleep 1\n',
      },
    ],
    [
      "a program that fails and speaks of everything",
      [],
      {},
      {
        program:
          "main() { echo 'sudo: a password is required'; echo 'dial tcp: connection refused: timed out'; echo 'ssh: handshake failed: knownhosts: key mismatch: unable to authenticate' >&2; exit 1; }; main\n",
      },
    ],
    ["a password that is wrong", [], { user: "asked", sudoPassword: "wrong" }],
    ["a password that is right", [], { user: "asked", sudoPassword: "groundwork" }],
    ["a password that nobody asks for", [], { user: "admin", sudoPassword: "groundwork" }],
    ["a password of a user without sudo", [], { user: "untold", sudoPassword: "groundwork" }],
  ];
  for (const [name, lines, more, rest] of nodes) {
    const server = await startSshd(lines);
    await run("hostname", rest?.hostname ?? "failures");
    yield { name, target: at(server, more), ...rest };
    await server.stop();
  }
  const node = await startSshd();
  const many = await startAgent(7);
  yield {
    name: "an agent with seven keys",
    target: at(node, { privateKey: undefined }),
    agent: many,
  };
  yield { name: "an agent that is gone", target: at(node), agent: "/run/gone" };
  const known = { hostKey: otherKey };
  yield {
    name: "a name that nobody knows",
    target: at({ port: 22, ...known }, { host: "node-01.example.org" }),
  };
  yield { name: "a port on which nobody listens", target: at({ port: 9, ...known }) };
  yield {
    name: "a network without a way",
    target: at({ port: 22, ...known }, { host: "10.8.8.8" }),
  };
  yield {
    name: "a host that a router calls unreachable",
    target: at({ port: 22, ...known }, { host: "10.7.7.7" }),
  };
  yield { name: "a host that is silent", target: at({ port: 22, ...known }, { host: "10.9.9.2" }) };
  for (const what of ["hangs up", "is a web server"] as const) {
    const other = await startOther(what);
    yield { name: `a server that ${what}`, target: at({ port: other.port, ...known }) };
    other.stop();
  }

  const picky = await startSshd(["MACs umac-128@openssh.com", "Ciphers aes256-ctr"]);
  const through = (name: string, lines: string[], bastion: object, more: object = {}, rest = {}) =>
    ({ name: `bastion: ${name}`, lines, bastion, more, rest }) as const;
  for (const { name, lines, bastion, more, rest } of [
    through("nothing is wrong", [], {}),
    through("another host key", [], { hostKey: otherKey }),
    through("another host key of the node", [], {}, { hostKey: otherKey }),
    through("a user it does not let in", [], { user: "somebody" }),
    through("no key exchange in common", ["KexAlgorithms sntrup761x25519-sha512@openssh.com"], {}),
    through("a host key of a type it does not have", [], { hostKey: ecdsa }),
    through("no MAC in common of the node", [], {}, { port: picky.port, hostKey: picky.hostKey }),
    through(
      "a second factor",
      ["AuthenticationMethods publickey,keyboard-interactive", "KbdInteractiveAuthentication yes"],
      {},
    ),
    through("a user the node does not let in", [], {}, { user: "somebody" }),
    through("forwarding is off", ["AllowTcpForwarding no"], {}),
    through("forwarding is off for this node", ["PermitOpen 10.0.0.1:22"], {}),
    through("nobody listens on the node", [], {}, { port: 9 }),
    through("the node's name is not known there", [], {}, { host: "node-01.example.org" }),
    through("no way to the node", [], {}, { host: "10.8.8.8" }),
    through("an agent with seven keys", [], { privateKey: undefined }, {}, { agent: many }),
  ]) {
    const jump = await startSshd(lines);
    const hop = JSON.parse(JSON.stringify(at(jump, bastion))) as SshTarget;
    yield { name, target: at(node, { ...more, bastion: hop }), ...rest };
    await jump.stop();
  }
  yield {
    name: "bastion: nobody listens",
    target: at(node, { bastion: at({ port: 9, ...known }) }),
  };
  yield {
    name: "bastion: a name that nobody knows",
    target: at(node, { bastion: at({ port: 22, ...known }, { host: "jump.example.org" }) }),
  };
  await picky.stop();
  await node.stop();
  await stranger.stop();
}
