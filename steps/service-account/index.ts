import type { ServiceAccountKey } from "../control-plane";
import type { Step } from "../step";

/** This master's API server takes tokens that the key signs. It signs none with it yet; where there is no API server yet, nothing is done. */
export function serviceAccount(key: ServiceAccountKey): Step<"SERVICE_ACCOUNT_KEY"> {
  return {
    script: "service-account",
    variables: { SERVICE_ACCOUNT_KEY: String(key.number) },
    secrets: { new_key: key.publicKey },
  };
}
