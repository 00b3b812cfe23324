# shellcheck shell=bash disable=SC2154 # common.sh sets the variables
# The node's own certificate authority and what it signs. Keys never leave pki/, which
# only root can enter.

month=$((30 * 24 * 3600))

# lasts FILE: is this a certificate that stays valid for a month?
lasts() { openssl x509 -checkend $month -noout -in "$1" >/dev/null 2>&1; }

# issue_certificates creates each that is missing, expires within a month, was signed by
# another authority or was made for other names.
issue_certificates() (
  umask 077
  mkdir -p "$pki"
  authority
  [[ -s $pki/serviceaccount.key ]] || generate "$pki/serviceaccount.key" openssl genrsa 2048
  local service=kubernetes.default.svc
  certificate etcd /CN=etcd "IP:127.0.0.1"
  certificate kube-apiserver /CN=kube-apiserver \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,IP:127.0.0.1,IP:$node_ip,IP:$api_service_ip"
  certificate kube-apiserver-client /O=system:masters/CN=kube-apiserver-client
  certificate kube-controller-manager /CN=system:kube-controller-manager "IP:127.0.0.1"
  certificate kube-scheduler /CN=system:kube-scheduler "IP:127.0.0.1"
  certificate kubelet "/O=system:nodes/CN=system:node:$node_name" "DNS:$node_name,IP:$node_ip"
  certificate kube-proxy /CN=system:kube-proxy
  certificate admin /O=system:masters/CN=admin
  local user
  for user in admin kube-controller-manager kube-scheduler kubelet kube-proxy; do kubeconfig $user; done
)

# generate FILE COMMAND...: the file is there when it is whole, or not at all.
generate() {
  "${@:2}" >"$1.part" 2>"$pki/openssl.log" || fail "openssl could not make $1" "$(<"$pki/openssl.log")"
  mv "$1.part" "$1"
}

authority() {
  lasts "$pki/ca.crt" && [[ -s $pki/ca.key ]] && return
  generate "$pki/ca.key" openssl ecparam -name prime256v1 -genkey -noout
  generate "$pki/ca.crt" openssl req -x509 -new -key "$pki/ca.key" -subj /CN=coach-cluster -days 3650 \
    -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
}

# certificate NAME SUBJECT [SUBJECT-ALTERNATIVE-NAMES]: a key pair for both ends of TLS.
certificate() {
  local path=$pki/$1 purpose="$2 ${3:-}"
  if lasts "$path.crt" && [[ -s $path.key && -e $path.for && $(<"$path.for") == "$purpose" ]] &&
    openssl verify -CAfile "$pki/ca.crt" "$path.crt" >/dev/null 2>&1; then
    return
  fi
  [[ ! -e $path.crt ]] || say "$1: issuing its certificate anew"
  local extensions=$'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth'
  [[ ! ${3:-} ]] || extensions+=$'\n'subjectAltName=$3
  generate "$path.key" openssl ecparam -name prime256v1 -genkey -noout
  generate "$path.csr" openssl req -new -key "$path.key" -subj "$2"
  generate "$path.crt" openssl x509 -req -in "$path.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" \
    -CAcreateserial -days 365 -extfile <(echo "$extensions")
  echo "$purpose" >"$path.for"
}

# kubeconfig NAME: how the user of that certificate reaches the API server.
kubeconfig() {
  cat >"$CLUSTER_DIR/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: coach
  cluster: {server: "https://$node_ip:6443", certificate-authority: "$pki/ca.crt"}
users:
- name: $1
  user: {client-certificate: "$pki/$1.crt", client-key: "$pki/$1.key"}
contexts:
- name: coach
  context: {cluster: coach, user: $1}
current-context: coach
YAML
}
