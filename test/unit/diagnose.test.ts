import assert from "node:assert/strict";
import type { NodePlan } from "../../config/plan";
import { sudoRefusal } from "../../ssh/diagnose";

const refusal = (words: string, sudoPassword?: string) =>
  sudoRefusal(
    { name: "w1", ssh: { host: "10.0.0.21", user: "ops", sudoPassword } } as NodePlan,
    words,
  );

describe("what sudo says when it does not let a user become root", () => {
  // Of sudo 1.9.13p3 and pam_faillock 1.5.2, as they have it.
  for (const [words, told, password] of [
    [
      "sudo: Account or password is expired, reset your password and try again\nChanging password for ops.\nsudo: a password is required",
      /has expired\. See 'chage -l ops'/,
    ],
    ["sudo: Password expired, contact your system administrator", /has expired/],
    [
      'sudo: Account expired or PAM config lacks an "account" section for sudo, contact your system administrator',
      /has expired/,
    ],
    [
      "The account is locked due to 3 failed logins.\n(10 minutes left to unlock)\nsudo: 1 incorrect password attempt",
      /locked the account\. 'faillock --user ops'/,
      "secret",
    ],
    ["sudo: account validation failure, is your account locked?", /leave it out, or it is locked/],
    [
      "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt",
      /does not take the password/,
      "secret",
    ],
    [
      "sudo: no password was provided\nsudo: a password is required",
      /asks user ops for more than the password/,
      "secret",
    ],
    ["sudo: a password is required", /no sudo without a password/],
    ["ops is not in the sudoers file.", /does not let user ops become root\. Put/],
    ["ops is not allowed to run sudo on w1.", /does not let user ops become root\. Put/],
    [
      "Sorry, user ops is not allowed to execute '/usr/bin/true' as root on w1.",
      /does not let user ops become root\. Put/,
      "secret",
    ],
    [
      "sudo: unable to resolve host w1: Name or service not known\nsudo: PAM account management error: Permission denied",
      /sudo says "sudo: PAM account management error: Permission denied"/,
    ],
  ] as const)
    it(`is told for what it is: ${words.split("\n", 1)[0]}`, () =>
      assert.match(refusal(words, password), told));
});
