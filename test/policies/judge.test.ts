import assert from "node:assert/strict";
import { known, unknown } from "../../policies/judge";
import { toResource, unknownValue } from "./harness";

describe("a value that a policy reads", () => {
  it("is unknown where the engine says so, and a mistake of ours is told", () => {
    assert.equal(
      known(() => 7),
      7,
    );
    const { props } = toResource("urn", { type: "t", name: "n", props: { later: unknownValue } });
    assert.equal(
      known(() => props.later as unknown),
      unknown,
    );
    const mistake = () => (undefined as unknown as { length: number }).length;
    assert.throws(() => known(mistake), TypeError);
  });
});
