import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";
import type { Store } from "./writerProcess";

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly "certificate-authority-data": string };
  }[];
  readonly users: readonly {
    readonly user: {
      readonly "client-certificate-data": string;
      readonly "client-key-data": string;
    };
  }[];
}
interface Objects {
  readonly metadata: { readonly continue?: string };
  readonly items: readonly { readonly data: { readonly n: string } }[];
}

/** Milliseconds after which a server that is silent is given up for another. */
const silence = 1500;

/** ConfigMaps or Secrets, by way of any of the API servers the kubeconfig names: the one that answered last is asked first. */
export function apiStore(kind: "configmaps" | "secrets"): Store {
  const path = `/api/v1/namespaces/${process.env.WRITER_NAMESPACE}/${kind}`;
  // What a Secret holds is in base64.
  const write = (n: number) =>
    kind === "secrets" ? Buffer.from(String(n)).toString("base64") : String(n);
  const read = (n: string) => Number(kind === "secrets" ? Buffer.from(n, "base64").toString() : n);
  const { clusters, users } = parse(
    readFileSync(process.env.KUBECONFIG ?? "", "utf8"),
  ) as Kubeconfig;
  const decode = (data = "") => Buffer.from(data, "base64");
  const agent = new Agent({
    keepAlive: true,
    ca: decode(clusters[0]?.cluster["certificate-authority-data"]),
    cert: decode(users[0]?.user["client-certificate-data"]),
    key: decode(users[0]?.user["client-key-data"]),
  });
  const servers = [...new Set(clusters.map(({ cluster }) => cluster.server))];
  const run = `run-${Date.now()}`;
  let turn = 0;

  function ask(method: string, query: string, body?: object, timeout = silence) {
    return new Promise<{ code: number; text: string }>((resolve, reject) => {
      const call = request(
        `${servers[turn % servers.length]}${path}${query}`,
        {
          agent,
          method,
          headers: { "Content-Type": "application/json" },
          signal: AbortSignal.timeout(timeout),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ code: response.statusCode ?? 0, text }));
          response.on("error", reject);
        },
      );
      call.on("error", reject);
      call.end(body && JSON.stringify(body));
    });
  }

  return {
    every: 100,
    async put(n) {
      const object = {
        metadata: { name: `${run}-${n}`, labels: { run } },
        data: { n: write(n) },
      };
      try {
        const { code, text } = await ask("POST", "", object);
        // An attempt that was given up may have arrived.
        if (code !== 201 && code !== 409)
          throw new Error(`${servers[turn % servers.length]}: ${code} ${text}`);
      } catch (error) {
        turn++;
        throw error;
      }
    },
    async readBack() {
      const there = new Set<number>();
      let next = "";
      do {
        const { code, text } = await ask(
          "GET",
          `?labelSelector=run%3D${run}&limit=500&continue=${next}`,
          undefined,
          30_000,
        );
        if (code !== 200) {
          turn++;
          throw new Error(`${code} ${text}`);
        }
        const { metadata, items } = JSON.parse(text) as Objects;
        for (const { data } of items) there.add(read(data.n));
        next = metadata.continue ?? "";
      } while (next !== "");
      return there;
    },
  };
}
