import assert from "assert/strict";
import { compare } from "bcryptjs";
import { randomResource } from "../../lab/plugins/random/resources";
import { plain, Provider } from "./provider";

describe("the lab's random provider", () => {
  let provider: Provider;

  before(async () => {
    provider = await Provider.serve({ name: "random", resource: randomResource }, "");
  });
  after(() => provider.close());

  const of = (name: string) =>
    provider.of(`random:index/${name[0]?.toLowerCase()}${name.slice(1)}:${name}`);

  it("makes passwords of the asked-for characters, secret, with a hash", async () => {
    const inputs = { length: 16, special: false, upper: false, minNumeric: 4 };
    const state = await of("RandomPassword").create(inputs);
    const { result = "", bcryptHash = "" } = plain(state);
    assert.match(result, /^[a-z0-9]{16}$/);
    assert(result.replace(/\D/g, "").length >= 4);
    assert(await compare(result, bcryptHash));
    assert.deepEqual([...state.secrets].sort(), ["bcryptHash", "result"]);
  });

  it("makes bytes, secret, in base64 and hex", async () => {
    const state = await of("RandomBytes").create({ length: 32 });
    const { base64 = "", hex = "" } = plain(state);
    assert.equal(Buffer.from(base64, "base64").toString("hex"), hex);
    assert.equal(hex.length, 64);
    assert.deepEqual([...state.secrets].sort(), ["base64", "hex"]);
  });

  it("makes strings, ids and UUIDs, which are not secret", async () => {
    const string = await of("RandomString").create({ length: 6, special: false, upper: false });
    assert.match(plain(string).result ?? "", /^[a-z0-9]{6}$/);
    const id = await of("RandomId").create({ byteLength: 8, prefix: "x-" });
    assert.match(plain(id).hex ?? "", /^x-[0-9a-f]{16}$/);
    const uuid = await of("RandomUuid").create({});
    assert.match(plain(uuid).result ?? "", /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    for (const { secrets } of [string, id, uuid]) assert.deepEqual(secrets, []);
  });

  it("makes a new one on any change, keepers above all, and none without", async () => {
    const inputs = { length: 6, keepers: { generation: "1" } };
    const state = await of("RandomString").create(inputs);
    assert.deepEqual(await of("RandomString").diff(state, inputs), {
      changed: [],
      replaces: [],
      deleteBeforeReplace: false,
    });
    const next = await of("RandomString").diff(state, { ...inputs, keepers: { generation: "2" } });
    assert.deepEqual(next.replaces, ["keepers"]);
  });

  it("has what is default in the outputs alone, and makes no new one of a state that says it", async () => {
    const inputs = { length: 6, upper: false };
    for (const type of ["RandomString", "RandomPassword"].map(of)) {
      const state = await type.create(inputs);
      assert.deepEqual(state.inputs, inputs);
      assert.equal(state.outputs.lower, true);
      assert.equal(state.outputs.minNumeric, 0);
      const spelled = { ...inputs, lower: true, numeric: true, number: true, minLower: 0 };
      for (const [before, now] of [
        [inputs, spelled],
        [spelled, inputs],
      ] as const) {
        assert.deepEqual((await type.diff({ ...state, inputs: before }, now)).changed, []);
      }
    }
  });

  it("says what is wrong", async () => {
    await assert.rejects(
      of("RandomBytes").create({ length: 0 }),
      /length: is 0, must be a whole number/,
    );
    await assert.rejects(
      of("RandomString").create({ length: 2, minLower: 3 }),
      /length is 2, less than the sum/,
    );
    await assert.rejects(
      of("RandomPet").create({}),
      /stand-in for the Pulumi provider 'random' does not support the resource type/,
    );
  });
});
