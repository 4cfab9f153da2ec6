import type { StackValidationArgs, StackValidationPolicy } from "@pulumi/policy";
import { comesAfter, nameInCluster, ofType } from "../judge";

const protectedRoots: StackValidationPolicy = {
  name: "protected-roots",
  description:
    "What the cluster cannot be without is protected: its identity, authorities, lasting keys, and birth.",
  enforcementLevel: "mandatory",
  validateStack: (args, report) => {
    for (const { name, urn, opts } of rootsOf(args)) {
      if (opts.protect) continue;
      report(
        `${name}: is not protected, and the cluster is lost with it; run 'pulumi config set groundwork:protect true', or construct the cluster with protect: true`,
        urn,
      );
    }
  },
};

function rootsOf(args: StackValidationArgs) {
  const requests = ofType(args, "tls:index/certRequest:CertRequest");
  const leafKeys = new Set(requests.flatMap((request) => [...comesAfter(request)]));
  // An authority that follows another is certified by it, too, for which there is a request.
  for (const authority of ofType(args, "tls:index/selfSignedCert:SelfSignedCert"))
    for (const key of comesAfter(authority)) leafKeys.delete(key);
  return [
    ...ofType(args, "tls:index/selfSignedCert:SelfSignedCert"),
    // A key with a request is a leaf's, and comes again with it. The others are those of authorities and of tokens.
    ...ofType(args, "tls:index/privateKey:PrivateKey").filter(({ urn }) => !leafKeys.has(urn)),
    // A manager's and an OSD's key of Ceph goes with its daemon, and is made again with it.
    ...ofType(args, "random:index/randomBytes:RandomBytes").filter(
      (key) => !/^ceph-(identity-key-(\d+-)?mgr-|.+-osd-)/.test(nameInCluster(key)),
    ),
    ...ofType(args, "random:index/randomUuid:RandomUuid").filter((id) =>
      ["cluster-id", "ceph-identity-fsid"].includes(nameInCluster(id)),
    ),
    ...ofType(args, "command:remote:Command").filter(({ name }) => name.endsWith("-genesis")),
  ];
}

export const protection = [protectedRoots];
