import { assertAllowed, assertRefused, cluster } from "./harness";

const policy = "short-lived-bootstrap-tokens";

describe(`policy ${policy}`, () => {
  it("allows an hour", async () => {
    await assertAllowed(policy, [cluster({ bootstrapTokenMinutes: 15 })]);
    await assertAllowed(policy, [cluster({ bootstrapTokenMinutes: 60 })]);
  });

  it("refuses a plan with longer ones, at preview already", async () => {
    for (const minutes of [61, 1440])
      await assertRefused(
        policy,
        [cluster({ bootstrapTokenMinutes: minutes })],
        [
          new RegExp(
            `^prod: its bootstrap tokens are good for ${minutes} minutes, and 60 are allowed;`,
          ),
          "shorten bootstrapTokenMinutes",
        ],
      );
  });

  it("takes the limit an operator configures", async () => {
    const short = { maximumMinutes: 10 };
    await assertRefused(policy, [cluster()], ["and 10 are allowed"], short);
    await assertAllowed(policy, [cluster({ bootstrapTokenMinutes: 10 })], short);
  });
});
