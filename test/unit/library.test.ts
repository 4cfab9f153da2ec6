import assert from "node:assert/strict";
import { places } from "../../arguments/places";
import { packageSchema } from "../../library/schema";

interface Property {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: Property;
  readonly additionalProperties?: Property;
  readonly plain?: boolean;
  readonly secret?: boolean;
  readonly description?: string;
}
type Properties = Readonly<Record<string, Property>>;

const schema = JSON.parse(packageSchema("1.2.3", "clusters")) as {
  readonly version: string;
  readonly types: Readonly<Record<string, { readonly properties: Properties }>>;
  readonly resources: Readonly<
    Record<string, { readonly inputProperties: Properties; readonly properties: Properties }>
  >;
};

/** Every property of the component's arguments, by its place. */
function propertiesBelow(properties: Properties, path: string): [string, Property][] {
  return Object.entries(properties).flatMap(([name, property]) => {
    const place = `${path}${name}`;
    const each = property.items ?? property.additionalProperties;
    const below = each ? `${place}.*.` : `${place}.`;
    const ref = (each ?? property).$ref?.replace(/^#\/types\//, "") ?? "";
    const inner = schema.types[ref]?.properties ?? {};
    return [[place, property] as [string, Property], ...propertiesBelow(inner, below)];
  });
}

describe("the schema of the Pulumi package", () => {
  const [component] = Object.values(schema.resources);
  const all = propertiesBelow(component?.inputProperties ?? {}, "");

  it("has the package's version, and one component", () => {
    assert.equal(schema.version, "1.2.3");
    assert.deepEqual(Object.keys(schema.resources), ["groundwork:index:Cluster"]);
  });

  it("names every type as Pulumi's package schema has it", () => {
    for (const name of Object.keys(schema.types))
      assert.match(name, /^groundwork:index:[A-Z][A-Za-z0-9]+$/);
  });

  it("has the outputs that the next up is compared with, and keeps the kubeconfig secret", () => {
    const outputs = Object.entries(component?.properties ?? {});
    const names = ["apiEndpoint", "etcdVersion", "kubeconfig", "kubernetesVersion", "nodes"];
    assert.deepEqual(outputs.map(([name]) => name).sort(), names);
    for (const [name, { secret = false }] of outputs)
      assert.equal(secret, name === "kubeconfig", name);
  });

  it("takes values that are not known yet where the program does, and nowhere else", () => {
    const later = all.filter(([place, { plain }]) => !plain && place !== "former");
    assert.deepEqual(later.map(([place]) => place).sort(), [...places].sort());
  });

  it("keeps keys and passwords secret, and describes every field", () => {
    assert.ok(all.length > 60, `${all.length} fields`);
    for (const [place, { secret = false, description = "" }] of all) {
      assert.equal(secret, /\.(private_key|sudo_password)$/.test(place), place);
      assert.ok(description, place);
    }
  });
});
