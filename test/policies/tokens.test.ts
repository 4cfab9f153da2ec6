import { assertAllowed, assertRefused, cluster, type Sample, unknownValue } from "./harness";

const policy = "short-lived-bootstrap-tokens";
const admit = (stdin: string): Sample => ({
  type: "command:remote:Command",
  name: "w1-admit",
  props: { stdin },
});
const minting = (date: string, vars = "") =>
  admit(
    `main() {\n${vars}\njq -n --arg expiration "$(date -u -d ${date} +%FT%TZ)" '{type: "bootstrap.kubernetes.io/token"}'\n}`,
  );

describe(`policy ${policy}`, () => {
  it("allows an hour, in the plan and in the step", async () => {
    await assertAllowed(policy, [cluster({ bootstrapTokenMinutes: 15 })]);
    await assertAllowed(policy, [cluster({ bootstrapTokenMinutes: 60 })]);
    await assertAllowed(policy, [minting("'+15 minutes'"), minting("'+1 hour'")]);
    await assertAllowed(policy, [minting('"+$TOKEN_MINUTES minutes"', "TOKEN_MINUTES='15'")]);
  });

  it("is silent about steps that mint nothing or are not known yet", () =>
    assertAllowed(policy, [admit("main() {\n:\n}"), admit(unknownValue)]));

  it("refuses a plan with longer ones, at preview already", () =>
    assertRefused(
      policy,
      [cluster({ bootstrapTokenMinutes: 1440 })],
      [
        /^prod: its bootstrap tokens are good for 1440 minutes, and 60 are allowed;/,
        "shorten bootstrapTokenMinutes",
      ],
    ));

  it("refuses a step that mints longer ones", async () => {
    await assertRefused(
      policy,
      [minting("'+1 day'")],
      [
        /^w1-admit: mints a bootstrap token with 1440 minutes to live, and 60 are allowed;/,
        "shorten its expiration in the step's script",
      ],
    );
    await assertRefused(policy, [minting('"+$LIFE hours"', "LIFE='2'")], ["120 minutes"]);
  });

  it("refuses a step that does not say when its token ends", () =>
    assertRefused(
      policy,
      [admit("type: bootstrap.kubernetes.io/token")],
      ["no end that can be read"],
    ));

  it("takes the limit an operator configures", () =>
    assertRefused(policy, [cluster()], ["and 10 are allowed"], { maximumMinutes: 10 }));
});
