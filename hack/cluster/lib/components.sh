# shellcheck shell=bash disable=SC2154 # the files sourced before this one set the variables
# The seven programs of the node: settings of each, and run_NAME, which sees to it that it
# runs with them. All listen on loopback or on the node's address, which is not routed.

etcd_url=https://127.0.0.1:12379

# write_settings writes the files that the programs read at their start.
write_settings() {
  mkdir -p "$logs" "$CLUSTER_DIR/cni"
  audit_policy >"$CLUSTER_DIR/audit.yaml"
  network_settings >"$CLUSTER_DIR/cni/10-coach.conflist"
  containerd_settings >"$CLUSTER_DIR/containerd.toml"
  kubelet_settings >"$CLUSTER_DIR/kubelet.yaml"
}

# Losing the last writes in a power cut is fine here; waiting for the disk is not.
run_etcd() {
  launch etcd "$pki"/{ca,etcd}.crt -- --data-dir "$CLUSTER_DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls $etcd_url --advertise-client-urls $etcd_url \
    --cert-file "$pki/etcd.crt" --key-file "$pki/etcd.key" --trusted-ca-file "$pki/ca.crt" --client-cert-auth \
    --listen-peer-urls https://127.0.0.1:12380 --initial-advertise-peer-urls https://127.0.0.1:12380 \
    --initial-cluster default=https://127.0.0.1:12380 \
    --peer-cert-file "$pki/etcd.crt" --peer-key-file "$pki/etcd.key" \
    --peer-trusted-ca-file "$pki/ca.crt" --peer-client-cert-auth \
    --listen-metrics-urls http://127.0.0.1:12381
}

run_kube-apiserver() {
  launch kube-apiserver "$pki"/{ca,kube-apiserver,kube-apiserver-client}.crt "$CLUSTER_DIR/audit.yaml" -- \
    --etcd-servers=$etcd_url --etcd-cafile="$pki/ca.crt" \
    --etcd-certfile="$pki/kube-apiserver-client.crt" --etcd-keyfile="$pki/kube-apiserver-client.key" \
    --bind-address="$node_ip" --advertise-address="$node_ip" --secure-port=6443 \
    --tls-cert-file="$pki/kube-apiserver.crt" --tls-private-key-file="$pki/kube-apiserver.key" \
    --client-ca-file="$pki/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --kubelet-client-certificate="$pki/kube-apiserver-client.crt" \
    --kubelet-client-key="$pki/kube-apiserver-client.key" \
    --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$pki/serviceaccount.key" \
    --service-account-signing-key-file="$pki/serviceaccount.key" \
    --service-cluster-ip-range="$service_cidr" --allow-privileged=true --profiling=false \
    --audit-policy-file="$CLUSTER_DIR/audit.yaml" --audit-log-path="$logs/audit.log" \
    --audit-log-maxsize=100 --audit-log-maxbackup=2
}

run_kube-controller-manager() {
  launch kube-controller-manager "$pki"/{ca,kube-controller-manager}.crt -- \
    --kubeconfig="$CLUSTER_DIR/kube-controller-manager.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1 --tls-cert-file="$pki/kube-controller-manager.crt" \
    --tls-private-key-file="$pki/kube-controller-manager.key" \
    --service-account-private-key-file="$pki/serviceaccount.key" --root-ca-file="$pki/ca.crt" \
    --use-service-account-credentials=true --kube-api-qps=100 --kube-api-burst=200 \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" --profiling=false
}

run_kube-scheduler() {
  launch kube-scheduler "$pki"/{ca,kube-scheduler}.crt -- \
    --kubeconfig="$CLUSTER_DIR/kube-scheduler.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1 --tls-cert-file="$pki/kube-scheduler.crt" \
    --tls-private-key-file="$pki/kube-scheduler.key" --profiling=false
}

run_containerd() {
  launch containerd "$CLUSTER_DIR/containerd.toml" -- --config "$CLUSTER_DIR/containerd.toml"
}

run_kubelet() {
  launch kubelet "$pki"/{ca,kubelet}.crt "$CLUSTER_DIR/kubelet.yaml" -- \
    --config="$CLUSTER_DIR/kubelet.yaml" --kubeconfig="$CLUSTER_DIR/kubelet.kubeconfig" \
    --root-dir="$CLUSTER_DIR/kubelet" --cert-dir="$CLUSTER_DIR/kubelet/pki" \
    --hostname-override="$node_name" --node-ip="$node_ip"
}

# Without bridge_filtered, the answer of a pod on the same bridge would bypass the packet
# filter and arrive from the pod's address instead of the Service's; masquerading sends
# it through the host, at the price of hiding the client's address.
run_kube-proxy() {
  local masquerade=false
  bridge_filtered || masquerade=true
  launch kube-proxy "$pki"/{ca,kube-proxy}.crt -- --kubeconfig="$CLUSTER_DIR/kube-proxy.kubeconfig" \
    --hostname-override="$node_name" --proxy-mode=iptables --cluster-cidr="$pod_cidr" \
    --masquerade-all=$masquerade --nodeport-addresses="$node_ip/32" --iptables-localhost-nodeports=false \
    --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249 \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s
}

# audit_policy: who wrote what, and with which program; no bodies, so no Secret is in it.
audit_policy() {
  cat <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
- level: None
  nonResourceURLs: ["*"]
- level: None # questions to the API server: they are sent with create, yet write nothing
  resources:
  - {group: authentication.k8s.io, resources: [tokenreviews, selfsubjectreviews]}
  - {group: authorization.k8s.io}
- level: Metadata
YAML
}

# network_settings: one bridge; the firewall plugin lets pods through a host that drops
# what it forwards. Leases of addresses end with the boot, as the pods do.
network_settings() {
  cat <<JSON
{"cniVersion": "1.0.0", "name": "coach", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$socket_dir/leases",
            "ranges": [[{"subnet": "$pod_cidr"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "firewall"},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
JSON
}

# containerd_settings: everything below CLUSTER_DIR or /run/coach-cluster, nothing in the
# places of a containerd that the host may have. restrict_oom_score_adj helps on hosts that
# do not let a process protect itself; overlays cannot lie on an overlay.
containerd_settings() {
  local snapshotter=overlayfs
  [[ $(stat -fc %T "$CLUSTER_DIR") != overlayfs ]] || snapshotter=native
  cat <<TOML
version = 4
root = "$CLUSTER_DIR/containerd"
state = "$socket_dir/containerd"
imports = []
disabled_plugins = ["io.containerd.nri.v1.nri"]
[plugins.'io.containerd.server.v1.grpc']
  address = "$socket_dir/containerd.sock"
[plugins.'io.containerd.server.v1.ttrpc']
  address = "$socket_dir/containerd.sock.ttrpc"
[plugins.'io.containerd.shim.v1.manager']
  socket_dir = "$socket_dir/shims"
[plugins.'io.containerd.internal.v1.opt']
  path = "$CLUSTER_DIR/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "$snapshotter"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$pause_image"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$bin/runc"
  Root = "$socket_dir/runc"
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["$bin/cni"]
  conf_dir = "$CLUSTER_DIR/cni"
  use_internal_loopback = true
TOML
}

# kubelet_settings: syncFrequency is how long a changed ConfigMap may take to reach a pod.
# Image collection is off, because a collected image could not be pulled again.
kubelet_settings() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$pki/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "$pki/kubelet.crt"
tlsPrivateKeyFile: "$pki/kubelet.key"
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
imageGCHighThresholdPercent: 100
containerRuntimeEndpoint: unix://$socket_dir/containerd.sock
clusterDNS: [$dns_service_ip]
clusterDomain: cluster.local
resolvConf: /etc/resolv.conf
syncFrequency: 5s
podLogsDir: "$CLUSTER_DIR/pod-logs"
volumePluginDir: "$CLUSTER_DIR/kubelet/volume-plugins"
YAML
}
