# shellcheck shell=bash
# When a Node that joins is as it should be. Needs lib.sh, and NETWORK_LATER (yes: its network plugin may come after it; else no).

# To jq: Ready; or nothing keeps it from that but the network plugin that is to come, in its kubelet's words.
# shellcheck disable=SC2034 # the steps use it
case $NETWORK_LATER in
  yes) NODE_FIT="($READY or any(.status.conditions[]?; .type == \"Ready\" and .status == \"False\" and (.message // \"\" | startswith(\"container runtime network not ready: NetworkReady=false\"))))" ;;
  *) NODE_FIT=$READY ;;
esac
