import type { Check } from "./types";

/** A finding is accepted, or mended. */
export const preflight: Check = ({ cluster }) => {
  const { allow = [], fix = [] } = cluster?.preflight ?? {};
  return fix.flatMap((name, i) =>
    name !== undefined && allow.includes(name)
      ? [
          {
            path: ["cluster", "preflight", "fix", i],
            message: `${name} stands in cluster.preflight.allow, too: it is accepted, or it is mended; take it out of one of the two`,
          },
        ]
      : [],
  );
};
