import { createServer, type IncomingMessage, type Server, type ServerResponse } from "http";
import type { AddressInfo } from "net";
import { isObject, type Properties } from "../../lab/plugins/shared/values";

const resources: Readonly<Record<string, readonly Properties[]>> = {
  "/api/v1": [
    { name: "namespaces", kind: "Namespace", namespaced: false },
    { name: "configmaps", kind: "ConfigMap", namespaced: true },
    { name: "secrets", kind: "Secret", namespaced: true },
    { name: "services", kind: "Service", namespaced: true },
  ],
  "/apis/apps/v1": [
    { name: "deployments/status", kind: "Deployment", namespaced: true },
    { name: "deployments", kind: "Deployment", namespaced: true },
  ],
  "/apis/discovery.k8s.io/v1": [
    { name: "endpointslices", kind: "EndpointSlice", namespaced: true },
  ],
};

/** Just enough of a Kubernetes API server: discovery, server-side apply, GET and DELETE, with objects kept by path. */
export class ApiServer {
  readonly objects = new Map<string, Properties>();
  /** Method, path and query of every call but discovery. */
  readonly calls: string[] = [];
  /** Merged into every object that is written, as controllers do later. */
  status: Properties = {};
  private readonly server: Server = createServer((request, response) => {
    void this.answer(request, response);
  });

  static async listen(): Promise<ApiServer> {
    const api = new ApiServer();
    await new Promise<void>((resolve) => api.server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      // The client library speaks HTTP without TLS only if it is told that it may be insecure.
      clusters: [
        {
          name: "test",
          cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
        },
      ],
      users: [{ name: "test", user: { token: "t" } }],
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, search } = new URL(request.url ?? "", "http://test");
    const send = (code: number, body: Properties) =>
      response.writeHead(code, { "Content-Type": "application/json" }).end(JSON.stringify(body));
    const discovered = resources[path];
    if (discovered) return void send(200, { resources: [...discovered] });
    this.calls.push(`${request.method} ${path}${search}`);
    const old = this.objects.get(path);
    if (path.endsWith("/endpointslices")) return void send(200, { items: this.slices() });
    switch (request.method) {
      case "PATCH": {
        const body = await bodyOf(request);
        const metadata = { ...(isObject(body.metadata) ? body.metadata : {}), uid: "1" };
        const object = { ...body, metadata, status: this.status };
        if (!search.includes("dryRun")) this.objects.set(path, object);
        return void send(old ? 200 : 201, object);
      }
      case "DELETE":
        this.objects.delete(path);
        return void send(200, {});
      default:
        return void (old ? send(200, old) : send(404, { message: `${path} not found` }));
    }
  }

  private slices(): Properties[] {
    const ready = this.status.endpoints === true;
    return [{ endpoints: ready ? [{ conditions: { ready } }] : [] }];
  }
}

async function bodyOf(request: IncomingMessage): Promise<Properties> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Properties;
}
