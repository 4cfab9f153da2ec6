import type { Trouble } from "../../../ssh/remedies";

/** What is to be understood of a case. */
export interface Expected {
  /**
   * Of the real provider's words: whose trouble it is; `unclear` where they do not tell, so that the machine is asked; `fine`
   * where it sees none; or what ended the program.
   */
  readonly provider: Trouble | `bastion ${Trouble}` | "unclear" | "fine" | RegExp;
  /** What we say when we are not let in, or what is given does not run; absent: it is not tried. */
  readonly ours?: RegExp | "";
}

const refused = (who: string, user: string) =>
  new RegExp(`^${who} \\(\\S+\\) does not let user ${user} in\\. `);

/** Of each connection that fails. */
export const expected: Readonly<Record<string, Expected>> = {
  "another host key": {
    provider: "stranger",
    ours: /^w1 \(.*\) shows another host key .* put it into w1's host_key;/,
  },
  "a user it does not know": { provider: "refused", ours: refused("w1", "somebody") },
  "a user it does not let in": { provider: "refused", ours: refused("w1", "admin") },
  "a shell that is not there": { provider: "refused", ours: refused("w1", "noshell") },
  "a shell that is nologin": { provider: "unclear", ours: /usermod -s \/bin\/bash nologin/ },
  // Its step has not run, and the provider calls it done: this is what a machine is greeted for.
  "a forced command": {
    provider: "fine",
    ours: /"maintenance", .*\n.*command= in authorized_keys/,
  },
  "an expired password": { provider: "unclear", ours: /password of expired, which has expired/ },
  "root's login refused with a message": {
    provider: "unclear",
    ours: /set ssh\.user to debian: /,
  },
  "no key exchange in common": {
    provider: "kex",
    ours: /^w1 \S+ has none of its KexAlgorithms .*\n.* add curve25519-sha256 to KexAlgorithms.*\n.*key exchange/,
  },
  "no cipher in common": {
    provider: "cipher",
    ours: /^w1 .* none of its Ciphers .*\n.*add aes256-gcm/,
  },
  "no MAC in common": {
    provider: "mac",
    ours: /^w1 .* none of its MACs .*\n.*add hmac-sha2-256-etm/,
  },
  "a host key of a type it does not have": {
    provider: "keyType",
    ours: /^w1 .* no host key of the type ecdsa-sha2-nistp256, .* into w1's host_key\./,
  },
  "a second factor": {
    provider: "unclear",
    ours: /^w1 .* wants more of user root than a key, .*'AuthenticationMethods publickey'/,
  },
  "a password instead of a key": { provider: "unclear", ours: /^w1 .* or no key at all: / },
  "no sudo": { provider: "unclear", ours: /^w1 \S+ has no sudo .*\n.*apt-get install sudo/ },
  "no bash": { provider: "unclear", ours: /^w1 \S+ has no bash .*\n.*apt-get install bash/ },
  "sudo that asks for a password": {
    provider: "unclear",
    ours: /^w1 \S+ gives user asked no sudo without a password\. .*ssh\.sudo_password_file/,
  },
  "a user without sudo": { provider: "unclear", ours: /gives user untold no sudo/ },
  "sudo that wants a terminal": { provider: "unclear", ours: /Defaults:ttyonly !requiretty/ },
  "sudo for other commands only": { provider: "unclear", ours: /limited ALL=\(ALL\) NOPASSWD/ },
  "a password that is wrong": {
    provider: "unclear",
    ours: /^w1 \S+ does not take the password of ssh\.sudo_password_file for user asked\./,
  },
  "a password that is right": { provider: "fine", ours: "" },
  "a password that nobody asks for": { provider: "fine", ours: "" },
  "a password of a user without sudo": {
    provider: "unclear",
    ours: /^w1 \S+ does not let user untold become root\./,
  },
  "an account whose password has expired": {
    provider: "unclear",
    ours: /^w1 \S+ lets user aged in, .* has expired\. See 'chage -l aged'/,
  },
  "an account that has expired": { provider: "unclear", ours: /^w1 .* has expired\. See 'chage/ },
  "an account that sudo leaves out": {
    provider: "unclear",
    ours: /^w1 \S+ lets user barred in, but not become root: .* leave it out, or it is locked/,
  },
  // This sudo has faillock say nothing.
  "an account that is locked": {
    provider: "unclear",
    ours: /^w1 .* user held\. .* whether the account is locked \('faillock --user held'\)/,
  },
  "sudo that only complains": { provider: "fine", ours: "" },
  "sudo that complains, and no bash": {
    provider: "unclear",
    ours: /^w1 .* does not run what it is given: it says "timeout: failed to run command 'bash'/,
  },
  "sudo that complains, and a password that is wrong": {
    provider: "unclear",
    ours: /^w1 \S+ does not take the password of ssh\.sudo_password_file for user asked\./,
  },
  "sudo that complains, and no user": {
    provider: "unclear",
    ours: /^w1 \S+ gives user untold no sudo without a password\./,
  },
  "a program that is killed": { provider: /want of memory/ },
  "a program whose parent is killed": { provider: /want of memory/ },
  "a program that takes too long": { provider: /no more time/ },
  "a connection that is lost": { provider: /connection was lost/ },
  "a program that fails and speaks of everything": { provider: "unclear" },
  "an agent with seven keys": {
    provider: "keys",
    ours: /^w1 .* more keys than .*\n.*Too many authentication failures$/,
  },
  "an agent that is gone": { provider: "agent", ours: "" },
  "a name that nobody knows": {
    provider: "name",
    ours: /^w1 is not found: .* node-01\.example\.org\. Check ssh\.host/,
  },
  "a port on which nobody listens": { provider: "closed", ours: /^w1 .* nobody listens/ },
  "a network without a way": { provider: "unreachable", ours: /^w1 .* no way to its network/ },
  "a host that a router calls unreachable": {
    provider: "unreachable",
    ours: /^w1 .* no way to its network/,
  },
  "a host that is silent": { provider: "silent", ours: /^w1 .* does not answer .* is on/ },
  "a server that hangs up": { provider: "cut", ours: /^w1 .* hangs up .*PerSourcePenalties/ },
  "a server that is a web server": { provider: "cut", ours: /^w1 .* another program/ },
  "bastion: nothing is wrong": { provider: "fine", ours: "" },
  "bastion: another host key": {
    provider: "bastion stranger",
    ours: /^the bastion of w1 .* another host key .* into ssh\.bastion\.host_key;/,
  },
  "bastion: another host key of the node": {
    provider: "unclear",
    ours: /^w1 .* another host key .* into w1's host_key;/,
  },
  "bastion: a user it does not let in": {
    provider: "bastion refused",
    ours: refused("the bastion of w1", "somebody"),
  },
  "bastion: no key exchange in common": {
    provider: "bastion kex",
    ours: /^the bastion of w1 \S+ has none of its KexAlgorithms /,
  },
  "bastion: a host key of a type it does not have": {
    provider: "bastion keyType",
    ours: /^the bastion of w1 .* no host key of the type ecdsa\S+, .* into ssh\.bastion\.host_key\./,
  },
  "bastion: no MAC in common of the node": {
    provider: "unclear",
    ours: /^w1 \S+ has none of its MACs /,
  },
  "bastion: a second factor": {
    provider: "unclear",
    ours: /^the bastion of w1 .* wants more of user root than a key, /,
  },
  "bastion: a user the node does not let in": {
    provider: "unclear",
    ours: refused("w1", "somebody"),
  },
  "bastion: forwarding is off": {
    provider: "bastion forwarding",
    ours: /^the bastion of w1 \S+ does not forward to w1 .*AllowTcpForwarding yes/,
  },
  "bastion: forwarding is off for this node": {
    provider: "bastion forwarding",
    ours: /^the bastion of w1 \S+ does not forward to w1 .*PermitOpen/,
  },
  "bastion: nobody listens on the node": {
    provider: "bastion behind",
    ours: /^w1 \(127\.0\.0\.1:9\) does not answer .* its bastion .* does not reach it/,
  },
  "bastion: the node's name is not known there": {
    provider: "bastion behind",
    ours: /^w1 \(node-01\S+\) .* as seen from there.*\n.*Name or service not known$/,
  },
  "bastion: no way to the node": {
    provider: "bastion behind",
    ours: /^w1 \(10\.8\.8\.8:\d+\) does not answer .* does not reach it/,
  },
  "bastion: an agent with seven keys": {
    provider: "bastion keys",
    ours: /^the bastion of w1 .* more keys than .* ssh\.bastion\.private_key_file/,
  },
  "bastion: nobody listens": {
    provider: "bastion closed",
    ours: /^the bastion of w1 \(127\.0\.0\.1:9\) .* nobody listens/,
  },
  "bastion: a name that nobody knows": {
    provider: "bastion name",
    ours: /^the bastion of w1 is not found: .* jump\.example\.org\. Check ssh\.bastion\.host/,
  },
};
