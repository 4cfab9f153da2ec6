type Config = Readonly<Record<string, unknown>>;

/**
 * KubeletConfigurations in one, the last before the first, as a kubelet merges its drop-ins: mappings field by field, and
 * any other value, lists too, as a whole.
 */
export function mergedConfig(layers: readonly Config[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      const former = merged[key];
      merged[key] = isMapping(former) && isMapping(value) ? mergedConfig([former, value]) : value;
    }
  }
  return merged;
}

const isMapping = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && !Array.isArray(value);
