import { request } from "node:https";
import { must } from "./lab";

/** The stack's output `cephDashboard`. */
export const dashboards = () =>
  JSON.parse(must("pulumi stack output --show-secrets --json cephDashboard")) as {
    readonly urls: readonly string[];
    readonly user: string;
    readonly password: string;
    readonly ca: string;
  };

/** A request to a dashboard, whose certificate must be signed by Ceph's authority. */
export function askDashboard(
  url: string,
  ca: string,
  body?: object,
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        ca,
        method: body ? "POST" : "GET",
        headers: {
          Accept: "application/vnd.ceph.api.v1.0+json",
          "Content-Type": "application/json",
        },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve({ code: response.statusCode ?? 0, text }));
      },
    );
    call.on("error", reject);
    call.end(body && JSON.stringify(body));
  });
}
