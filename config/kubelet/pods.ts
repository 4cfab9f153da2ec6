/** Of how many pods a kubelet takes care unless it is told (`maxPods`). */
export const defaultMaxPods = 110;

/**
 * For how many pods a node has addresses. Of its network the first names it, the second is the gateway's, the last but one
 * the probe's (networks/flannel/flannel-cni), and the last is for all.
 * @param maskSize prefix length of the network
 */
export const podRoom = (maskSize: number): number => 2 ** (32 - maskSize) - 4;
