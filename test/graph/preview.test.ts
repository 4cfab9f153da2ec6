import assert from "node:assert/strict";
import { connect, createServer, type Server, Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { recordNodes } from "./nodes";
import { type Graph, recordProgram, type Registration, reveal } from "./record";
import { unknownMark, watchRenderers } from "./renderers";
import { recordSample, sampleFile, samples } from "./samples";

/** Every value inside, with the path that leads to it. */
function leaves(value: unknown, path: string): [string, unknown][] {
  if (value === null || typeof value !== "object") return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
}

const options = ({ parent, protect, deletedWith, ignoreChanges, dependsOn }: Registration) => ({
  parent,
  protect,
  deletedWith,
  ignoreChanges,
  dependsOn,
});

/** Where `known` says something else than `later`, values that are not known yet apart. */
function differences(known: unknown, later: unknown, path: string): string[] {
  if (known === unknownMark) return [];
  if (known === null || typeof known !== "object" || later === null || typeof later !== "object")
    return isDeepStrictEqual(known, later) ? [] : [`${path}: ${String(known)}, ${String(later)}`];
  const keys = new Set([...Object.keys(known), ...Object.keys(later)]);
  return [...keys].flatMap((key) =>
    differences(
      (known as Record<string, unknown>)[key],
      (later as Record<string, unknown>)[key],
      `${path}.${key}`,
    ),
  );
}

for (const sample of samples) {
  describe(`a first preview of cluster '${sample}'`, () => {
    let preview: Graph;
    let up: Graph;
    before(async () => {
      preview = await recordSample(sample, true);
      up = await recordSample(sample);
    });

    it("shows the options every resource has at up", () => {
      const later = new Map(up.resources.map((r) => [r.urn, r]));
      for (const resource of preview.resources) {
        const registered = later.get(resource.urn);
        assert.ok(registered, `${resource.urn} appears only at preview`);
        assert.deepEqual(options(resource), options(registered), resource.urn);
      }
    });

    it("shows the inputs of up, as far as they are known", () => {
      const later = new Map(up.resources.map((r) => [r.urn, r]));
      for (const { urn, inputs } of preview.resources) {
        assert.deepEqual(differences(reveal(inputs), reveal(later.get(urn)?.inputs), urn), []);
      }
    });

    it("puts nothing unknown, and no output, into a text", () => {
      for (const graph of [preview, up]) {
        for (const { urn, inputs } of graph.resources) {
          for (const [path, value] of leaves(reveal(inputs), urn)) {
            if (typeof value !== "string" || value === unknownMark) continue;
            assert.ok(!value.includes(unknownMark), `${path} has an unknown value in its text`);
            assert.doesNotMatch(value, /\[object Object\]|Calling \[to(String|JSON)\]/, path);
            assert.doesNotMatch(value, /\bundefined\b|\bNaN\b/, path);
          }
        }
      }
    });
  });
}

describe("a first preview", () => {
  it("renders nothing of what is unknown", async () => {
    const { called, wrong } = await watchRenderers(() =>
      recordProgram(sampleFile("small"), { preview: true }),
    );
    assert.deepEqual(wrong, []);
    assert.ok(called.has("haproxyConfig"), "the renderers were not watched");
    assert.ok(!called.has("renderKubeconfig"), "a kubeconfig needs its keys");
  });

  it("lets every renderer see only values at up, too", async () => {
    const { called, wrong } = await watchRenderers(() => recordProgram(sampleFile("small")));
    assert.deepEqual(wrong, []);
    assert.ok(called.has("renderKubeconfig"), "the renderers were not watched");
  });
});

/** Whether code of a package called: the SDK talks over gRPC to the server of its own hooks. */
function calledBy(packageName: string): boolean {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 20;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack.includes(`/node_modules/${packageName}/`);
}

describe("the program", () => {
  let server: Server;
  let port: number;
  let arrived = 0;
  const dialled: string[] = [];
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with its socket again
  const original: (...args: never[]) => unknown = Socket.prototype.connect;

  before(async () => {
    server = createServer((socket) => {
      arrived += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
    Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
      if (!calledBy("@grpc/grpc-js")) dialled.push(JSON.stringify(args));
      return original.apply(this, args as never[]);
    } as typeof Socket.prototype.connect;
  });
  after(async () => {
    Socket.prototype.connect = original as typeof Socket.prototype.connect;
    await new Promise((resolve) => server.close(resolve));
  });

  for (const preview of [true, false]) {
    it(`opens no connection at ${preview ? "preview" : "up"}: that is the providers' work`, async () => {
      const graph = await recordNodes(["master-01"], {
        preview,
        ssh: { host: "127.0.0.1", port },
        endpoint: `127.0.0.1:${port}`,
      });
      assert.ok(graph.resources.length > 50);
      assert.equal(arrived, 0, "somebody knocked at the nodes' SSH port");
      assert.deepEqual(dialled, []);
    });
  }

  it("would be caught if it opened one", async () => {
    await new Promise((resolve) => connect(port, "127.0.0.1").on("close", resolve));
    assert.equal(arrived, 1);
    assert.equal(dialled.length, 1);
  });
});
