import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What a server of S3 holds, and who may ask it. */
export interface S3Server {
  readonly port: number;
  /** Path -> content. */
  readonly objects: Map<string, Buffer>;
  /** Method and path of each request that was let in. */
  readonly requests: string[];
  /** Answers the next requests with these statuses first. */
  readonly failures: number[];
  close(): void;
}

const hash = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) =>
  createHmac("sha256", key).update(text).digest();

/** Whether a request is signed with this secret as AWS documents it (Signature Version 4), and its body is what was signed. */
function isSigned(request: IncomingMessage, body: Buffer, secret: string): boolean {
  const { headers, method = "", url = "" } = request;
  const found = /Credential=([^,]+), SignedHeaders=([^,]+), Signature=(.+)/.exec(
    headers.authorization ?? "",
  );
  const [, credential = "", names = "", signature] = found ?? [];
  const [, date = "", region = "", service = "", end = ""] = credential.split("/");
  const [path = "", query = ""] = url.split("?");
  const each = names.split(";").map((name) => `${name}:${String(headers[name])}`);
  const digest = String(headers["x-amz-content-sha256"]);
  const canonical = [method, path, query, ...each, "", names, digest].join("\n");
  const scope = [date, region, service, end].join("/");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hash(canonical)].join("\n");
  const key = [date, region, service, end].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  const md5 = createHash("md5").update(body).digest("base64");
  if (method === "PUT" && headers["content-md5"] !== md5) return false;
  return digest === hash(body) && hmac(key, text).toString("hex") === signature;
}

/** A server that keeps objects in memory, lists two at a time, and believes nobody without the secret. */
export async function startS3(
  secret: string,
  {
    address = "127.0.0.1",
    port: wanted = 0,
    stored = () => {},
  }: {
    readonly address?: string;
    /** Default: any that is free. */
    readonly port?: number;
    /** Called with each object that is put. */
    readonly stored?: (path: string, content: Buffer) => void;
  } = {},
): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const failures: number[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const end = (status: number, text = "") => response.writeHead(status).end(text);
      const failure = failures.shift();
      if (failure !== undefined) return end(failure, "<Error>not now</Error>");
      if (!isSigned(request, body, secret)) return end(403, "<Code>SignatureDoesNotMatch</Code>");
      const url = new URL(request.url ?? "", "http://s3");
      const path = decodeURIComponent(url.pathname);
      requests.push(`${request.method} ${path}`);
      if (request.method === "PUT") {
        objects.set(path, body);
        stored(path, body);
      }
      if (request.method === "DELETE") objects.delete(path);
      if (request.method === "GET") return end(200, list(objects, path, url.searchParams));
      return end(request.method === "PUT" ? 200 : 204);
    });
  });
  await new Promise<void>((resolve) => server.listen(wanted, address, resolve));
  const { port } = server.address() as AddressInfo;
  return { port, objects, requests, failures, close: () => server.close() };
}

function list(
  objects: ReadonlyMap<string, Buffer>,
  bucket: string,
  query: URLSearchParams,
): string {
  const from = Number(query.get("continuation-token") ?? 0);
  const keys = [...objects.keys()]
    .map((path) => path.slice(bucket.length + 1))
    .filter((key) => key.startsWith(query.get("prefix") ?? ""))
    .sort();
  const page = keys.slice(from, from + 2).map((key) => `<Contents><Key>${key}</Key></Contents>`);
  const more = keys.length > from + 2;
  const next = more ? `<NextContinuationToken>${from + 2}</NextContinuationToken>` : "";
  return (
    `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${more}</IsTruncated>` +
    `${next}${page.join("")}</ListBucketResult>`
  );
}
