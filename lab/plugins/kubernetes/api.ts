import type { KubeConfig } from "@kubernetes/client-node";
import { type IncomingMessage, request as httpRequest } from "http";
import { request as httpsRequest, type RequestOptions } from "https";
import { type Properties, textOf } from "../shared/values";

/** The API server said no. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body?: Properties;
}

const connectTimeout = 30_000;

/**
 * Plain calls with a kubeconfig's credentials. Objects pass as they are: the library's own typed calls drop the fields
 * they do not know, and a misspelt one would never reach the API server that refuses it.
 */
export class Api {
  private options: Promise<RequestOptions> | undefined;

  constructor(private readonly config: KubeConfig) {}

  async call(call: Call): Promise<Properties> {
    this.options ??= this.connectionOptions();
    const server = this.config.getCurrentCluster()?.server;
    if (!server) throw new Unreachable("the kubeconfig has no cluster for its current context");
    const url = new URL(server.replace(/\/$/, "") + call.path);
    url.search = new URLSearchParams(call.query).toString();
    const { headers, ...options } = await this.options;
    const body = call.body && JSON.stringify(call.body);
    const response = await send(url, body, {
      ...options,
      method: call.method,
      headers: {
        ...(headers as Record<string, string> | undefined),
        Accept: "application/json",
        ...(body ? { "Content-Type": call.contentType ?? "application/json" } : {}),
      },
    });
    return parse(response);
  }

  private async connectionOptions(): Promise<RequestOptions> {
    const options: RequestOptions = { timeout: connectTimeout };
    await this.config.applyToHTTPSOptions(options);
    return options;
  }
}

interface Answer {
  readonly code: number;
  readonly text: string;
}

function send(url: URL, body: string | undefined, options: RequestOptions): Promise<Answer> {
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const failed = ({ message }: Error) => reject(new Unreachable(`${url.origin}: ${message}`));
    const answered = (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("error", failed)
        .on("end", () =>
          resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
    };
    const sent = request(url, options, answered).on("error", failed);
    sent.on("timeout", () => sent.destroy(new Error("timed out")));
    sent.end(body);
  });
}

function parse({ code, text }: Answer): Properties {
  let answer: Properties;
  try {
    answer = JSON.parse(text) as Properties;
  } catch {
    answer = { message: text };
  }
  if (code >= 400) throw new ApiError(code, textOf(answer.message) || text);
  return answer;
}
