import { assertAllowed, assertRefused, type Sample, unknownValue } from "./harness";

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7u";
const end = { host: "192.0.2.21", user: "root", privateKey: "pem", hostKey };
const command = (connection: object): Sample => ({
  type: "command:remote:Command",
  name: "w1-claim",
  props: { connection },
});

describe("policy pinned-host-keys", () => {
  const policy = "pinned-host-keys";

  it("allows pinned keys of machine and jump host", async () => {
    await assertAllowed(policy, [command(end)]);
    await assertAllowed(policy, [command({ ...end, proxy: end })]);
  });

  it("refuses a connection without", () =>
    assertRefused(
      policy,
      [command({ ...end, hostKey: undefined })],
      [
        /^w1-claim: the connection to its machine has no pinned host key;/,
        "give host_key in the cluster file",
      ],
    ));

  it("refuses a jump host without", () =>
    assertRefused(
      policy,
      [command({ ...end, proxy: { ...end, hostKey: "" } })],
      [/^w1-claim: the connection to its jump host has no pinned host key;/],
    ));

  it("refuses a key that some resource makes, at preview already", () =>
    assertRefused(
      policy,
      [command({ ...end, hostKey: unknownValue })],
      [/^w1-claim: .* a host key that is not known before 'up';/],
    ));

  it("judges copies of files as well", () =>
    assertRefused(
      policy,
      [{ type: "command:remote:CopyToRemote", name: "w1-copy" }],
      [/^w1-copy: /],
    ));
});

describe("policy no-password-authentication", () => {
  const policy = "no-password-authentication";

  it("allows keys", () => assertAllowed(policy, [command({ ...end, proxy: end })]));

  it("refuses a password without showing it", () =>
    assertRefused(
      policy,
      [command({ ...end, password: "hunter2" })],
      [
        /^w1-claim: the connection to its machine logs in with a password;/,
        "give cluster.ssh.private_key_file, or agent: true, instead",
        /^(?!.*hunter2)/,
      ],
    ));

  it("refuses one for the jump host, and one not known yet", async () => {
    await assertRefused(
      policy,
      [command({ ...end, proxy: { ...end, password: "x" } })],
      ["jump host"],
    );
    await assertRefused(policy, [command({ ...end, password: unknownValue })], ["its machine"]);
  });
});
