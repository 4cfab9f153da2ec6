/** A client of the API as PEM texts. */
export interface KubeconfigArgs {
  readonly cluster: string;
  readonly user: string;
  /** URLs of the API; each gets a context, the first is the current one. */
  readonly servers: Readonly<Record<string, string>>;
  readonly ca: string;
  readonly credentials:
    { readonly cert: string; readonly key: string } | { readonly token: string };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig as JSON, which is YAML too, so that scripts read it with jq. */
export function renderKubeconfig(args: KubeconfigArgs): string {
  const names = Object.keys(args.servers);
  return (
    JSON.stringify(
      {
        apiVersion: "v1",
        kind: "Config",
        "current-context": names[0],
        clusters: Object.entries(args.servers).map(([name, server]) => ({
          name,
          cluster: { server, "certificate-authority-data": base64(args.ca) },
        })),
        contexts: names.map((name) => ({ name, context: { cluster: name, user: args.user } })),
        users: [
          {
            name: args.user,
            user:
              "token" in args.credentials
                ? args.credentials
                : {
                    "client-certificate-data": base64(args.credentials.cert),
                    "client-key-data": base64(args.credentials.key),
                  },
          },
        ],
      },
      null,
      2,
    ) + "\n"
  );
}
