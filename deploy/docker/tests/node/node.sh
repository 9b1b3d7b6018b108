#!/bin/bash
# One node of Kubernetes, and what governs it: etcd, the control plane, containerd, kubelet,
# kube-proxy, names.
#
#   unshare --net --mount --pid --fork --kill-child --mount-proc node.sh FOLDER
#
# Rules: it owns its namespaces of network, mounts and processes, and what would be written beside
# FOLDER goes into memory of its own, so all of it is gone when it ends, but for its control group
# (/kubepods, of which a machine has one). FOLDER/admin.conf is what kubectl wants. It ends when one
# of its services does. For tests: everybody is the administrator, and NetworkPolicies are kept, not
# enforced.
set -euo pipefail
folder=${1:?usage: node.sh FOLDER}
cd "$folder"
address=192.0.2.1
mkdir -p etcd pki log cni kubelet volume
mount --make-rshared /
for each in /opt /run /var/lib /var/log; do mount -t tmpfs none "$each"; done
# What kubelet would have of the whole machine: it is shown what it wants to write.
for each in vm/overcommit_memory kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
  kernel/keys/root_maxbytes; do
  cat "/proc/sys/$each" >"pki/${each//\//-}"
  mount --bind "pki/${each//\//-}" "/proc/sys/$each"
done
ip link set lo up
ip address add "$address/32" dev lo
ip route add default dev lo # kubelet and kube-proxy want to know one
sysctl -qw net.ipv4.ip_forward=1

begun=0
begin() {
  "$@" >"log/$1" 2>&1 &
  begun=$((begun + 1))
}

ended() {
  echo "a service has ended, or does not come; the last of what each said:"
  tail -n 5 log/*
  exit 1
}

# Until a command succeeds: for two minutes, and while all that has begun runs.
until_it() {
  local left
  for ((left = 600; left; left--)); do
    if "$@" >/dev/null 2>&1; then return; fi
    [ "$(jobs -rp | wc -l)" = "$begun" ] || ended
    sleep 0.2
  done
  ended
}

keep=http://127.0.0.1:2379
begin etcd --data-dir etcd --unsafe-no-fsync \
  --listen-client-urls "$keep" --advertise-client-urls "$keep"
openssl genrsa -out pki/key 2048 2>/dev/null
echo 'admin,admin,admin,"system:masters"' >pki/tokens
begin kube-apiserver --etcd-servers "$keep" \
  --bind-address "$address" --cert-dir pki --token-auth-file pki/tokens --authorization-mode RBAC \
  --service-account-issuer https://kubernetes.default.svc \
  --service-account-key-file pki/key --service-account-signing-key-file pki/key \
  --service-cluster-ip-range 10.96.0.0/16 --endpoint-reconciler-type none \
  --allow-privileged --kubelet-preferred-address-types InternalIP
cat >admin.conf <<END
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://$address:6443", insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: admin}}]
contexts: [{name: node, context: {cluster: node, user: admin}}]
current-context: node
END
export KUBECONFIG=$folder/admin.conf
until_it kubectl get --raw /readyz
begin kube-controller-manager --kubeconfig admin.conf \
  --service-account-private-key-file pki/key --root-ca-file pki/apiserver.crt --leader-elect=false
begin kube-scheduler --kubeconfig admin.conf --leader-elect=false

cat >cni/pods.conflist <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{
  "type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "$folder/addresses",
           "ranges": [[{"subnet": "10.244.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
cat >containerd.toml <<END
version = 2
root = "$folder/containerd"
state = "$folder/run"
[grpc]
  address = "$folder/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pause:local"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/cni"
END
begin containerd --config containerd.toml
echo "nameserver $address" >resolv.conf
cat >kubelet.yaml <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
failSwapOn: false
imageGCHighThresholdPercent: 100
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://$folder/containerd.sock
podLogsDir: $folder/log/pods
resolvConf: $folder/resolv.conf
volumePluginDir: $folder/kubelet/plugins
END
until_it test -S containerd.sock
begin kubelet --kubeconfig admin.conf --config kubelet.yaml --root-dir "$folder/kubelet" \
  --cert-dir "$folder/kubelet/pki" --hostname-override node --node-ip "$address"
cat >proxy.yaml <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $folder/admin.conf}
clusterCIDR: 10.244.0.0/16
hostnameOverride: node
mode: iptables
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END
begin kube-proxy --config proxy.yaml
cat >names.conf <<END
.:53 {
  errors
  rewrite name exact postgres.example postgres.default.svc.cluster.local
  kubernetes cluster.local {
    kubeconfig $folder/admin.conf node
  }
}
END
begin names -conf names.conf
touch begun
wait -n || true
ended
