import { PolicyPack } from "@pulumi/policy";
import { policies } from "./rules";

new PolicyPack("groundwork", {
  displayName: "Groundwork",
  description: "What a Groundwork cluster must not do, judged before anything runs",
  policies: [...policies],
});
