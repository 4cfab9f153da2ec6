import { z } from "zod";
import * as field from "./fields";

/** The network that a machine is given: `interfaces` of a node, and what of it all nodes have alike. */

/** Modes of the kernel's bonding driver. */
const bondModes = [
  "active-backup",
  "802.3ad",
  "balance-xor",
  "balance-rr",
  "balance-tlb",
  "balance-alb",
  "broadcast",
] as const;

const prefixLength = z
  .number()
  .int()
  .min(1, "is too small; give a whole number from 1 to 32")
  .max(32, "is too large; give a whole number from 1 to 32");
const mtu = z
  .number()
  .int()
  .min(1280, "is too small; give a whole number from 1280 to 65535, or leave it out")
  .max(65535, "is too large; give a whole number from 1280 to 65535, or leave it out");
const gateway = field.nodeAddress;
const nameserver = field.serverAddress.describe("IPv4 address of a DNS server.");

/** What a network card, a bond and a VLAN may say alike. */
const layer = {
  gateway: gateway
    .optional()
    .describe(
      "Address of the default gateway, in one of its networks; default where it has the node's ip: that of interface_defaults.",
    ),
  nameservers: z
    .array(nameserver)
    .optional()
    .describe(
      "DNS servers the machine asks; default where it has the node's ip: those of interface_defaults.",
    ),
  mtu: mtu
    .optional()
    .describe("Largest packet in bytes; default: that of interface_defaults, else the kernel's."),
};
const address = field.interfaceAddress.describe(
  "IPv4 address with the length of its prefix, such as 10.0.0.11/24; default for the length: that of interface_defaults.",
);

const vlan = z
  .strictObject({
    id: z
      .number()
      .int()
      .min(1, "is too small; give a whole number from 1 to 4094")
      .max(4094, "is too large; give a whole number from 1 to 4094")
      .describe("VLAN ID (802.1Q)."),
    addresses: z
      .array(address)
      .min(1, "is empty; give at least one address")
      .describe("Addresses of the machine in the VLAN."),
    ...layer,
  })
  .describe("Mapping that describes one VLAN.");

export const networkInterface = z
  .strictObject({
    mac_addresses: z
      .array(field.macAddress.describe("MAC address of a network card."))
      .min(1, "is empty; give the MAC address of the network card, or leave it out")
      .optional()
      .describe(
        "MAC address of the network card, or those of all cards of the bond; default for a node's only interface: hardware.mac_addresses.",
      ),
    bond: z
      .strictObject({
        name: z
          .string()
          .regex(
            /^[a-z][a-z0-9-]{0,9}$/,
            "is not a name of a bond; give at most 10 lower-case letters, digits and dashes, such as bond0",
          )
          .default("bond0")
          .describe("Name of the bond's own interface."),
        mode: z.enum(bondModes).describe("Mode of the bond, as the kernel calls it."),
      })
      .optional()
      .describe("Bond of several network cards; default: the interface is one card."),
    addresses: z
      .array(address)
      .optional()
      .describe(
        "Addresses of the machine here, outside of VLANs; default for a node's only interface without VLANs: ip.",
      ),
    ...layer,
    vlans: z.array(vlan).default([]).describe("VLANs that come tagged here."),
  })
  .describe("Mapping that describes one network card, or one bond of several.");

export const interfaceDefaults = z
  .strictObject({
    prefix_length: prefixLength
      .optional()
      .describe("Length of the prefix of addresses that are given without one."),
    gateway: gateway.optional().describe("Address of the default gateway."),
    nameservers: z.array(nameserver).default([]).describe("DNS servers the machines ask."),
    mtu: mtu.optional().describe("Largest packet in bytes; default: the kernel's."),
  })
  .prefault({})
  .describe(
    "What nodes that give interfaces have in common; a node that gives none keeps its network as it is.",
  );
