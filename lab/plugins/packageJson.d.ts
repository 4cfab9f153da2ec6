/** A plugin has the version of the SDK it serves; esbuild puts it into the bundle. */
declare module "*/package.json" {
  export const version: string;
}
