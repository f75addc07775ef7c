# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # How to reach Consul and as whom.
    DOCUMENTATION = r"""
options:
  address:
    description:
      - The HTTP address of the Consul agent, as V(host:port) or as a URL. A path in the URL goes before every request.
        Without a port it is 8500, and in a URL that of its scheme, 443 or 80.
      - With V(https://) TLS is used, whatever O(tls) says.
      - If not set, the value of the environment variable E(CONSUL_HTTP_ADDR) is used.
    type: str
    default: 127.0.0.1:8500
  token:
    description:
      - The ACL token to send. It goes into a header, never into a URL.
      - If not set, the value of the environment variable E(CONSUL_HTTP_TOKEN) is used.
    type: str
  token_file:
    description:
      - A file that holds the ACL token, and nothing else. It wins over O(token), as in Consul's own commands; but
        where O(token) is set and this is not, that wins over the environment variable.
      - If not set, the value of the environment variable E(CONSUL_HTTP_TOKEN_FILE) is used.
    type: path
  tls:
    description:
      - Whether to speak TLS. It cannot be taken back from an O(address) with V(https://).
      - If not set, the value of the environment variable E(CONSUL_HTTP_SSL) is used, and then the scheme in O(address).
    type: bool
  validate_certs:
    description:
      - Whether to check the certificate of the agent.
      - If not set, the value of the environment variable E(CONSUL_HTTP_SSL_VERIFY) is used.
    type: bool
    default: true
  ca_cert:
    description:
      - A file, or a directory as C(openssl rehash) leaves it, with the certificates of the authorities to trust.
      - If not set, the value of the environment variable E(CONSUL_CACERT) is used, and then what the system trusts.
    type: path
  client_cert:
    description:
      - A file with the certificate to show to the agent. It may hold the key too.
      - If not set, the value of the environment variable E(CONSUL_CLIENT_CERT) is used.
    type: path
  client_key:
    description:
      - A file with the key of O(client_cert), without a passphrase.
      - If not set, the value of the environment variable E(CONSUL_CLIENT_KEY) is used.
    type: path
  datacenter:
    description:
      - The datacenter to read from and write to. If not set, it is the agent's own.
    type: str
  namespace:
    description:
      - The namespace to read from and write to (Consul Enterprise).
      - If not set, the value of the environment variable E(CONSUL_NAMESPACE) is used.
    type: str
  partition:
    description:
      - The admin partition to read from and write to (Consul Enterprise).
      - If not set, the value of the environment variable E(CONSUL_PARTITION) is used.
    type: str
  consistency:
    description:
      - How Consul reads. V(default) asks the leader, V(consistent) has the leader make sure that it still is one, and
        V(stale) takes the word of any server.
      - A leader that has just begun may answer V(default) from an older state for some milliseconds; V(consistent)
        waits until it has caught up.
      - What is written is always planned from a V(consistent) read, and writes check the index of every key that they
        change, so no update can be lost.
    type: str
    choices: [default, consistent, stale]
    default: default
  timeout:
    description:
      - How long one request to the store may take, in seconds. For the directory store, how long to wait for its lock.
    type: float
    default: 10.0
"""

    # Where a lookup finds these options beside its arguments.
    PLUGINS = r"""
options:
  address:
    env: [{name: CONSUL_HTTP_ADDR}]
    ini: [{section: prometheus_fleet, key: consul_address}]
    vars: [{name: prometheus_fleet_consul_address}]
  token:
    env: [{name: CONSUL_HTTP_TOKEN}]
    vars: [{name: prometheus_fleet_consul_token}]
  token_file:
    env: [{name: CONSUL_HTTP_TOKEN_FILE}]
    ini: [{section: prometheus_fleet, key: consul_token_file}]
    vars: [{name: prometheus_fleet_consul_token_file}]
  tls:
    env: [{name: CONSUL_HTTP_SSL}]
    ini: [{section: prometheus_fleet, key: consul_tls}]
    vars: [{name: prometheus_fleet_consul_tls}]
  validate_certs:
    env: [{name: CONSUL_HTTP_SSL_VERIFY}]
    ini: [{section: prometheus_fleet, key: consul_validate_certs}]
    vars: [{name: prometheus_fleet_consul_validate_certs}]
  ca_cert:
    env: [{name: CONSUL_CACERT}]
    ini: [{section: prometheus_fleet, key: consul_ca_cert}]
    vars: [{name: prometheus_fleet_consul_ca_cert}]
  client_cert:
    env: [{name: CONSUL_CLIENT_CERT}]
    ini: [{section: prometheus_fleet, key: consul_client_cert}]
    vars: [{name: prometheus_fleet_consul_client_cert}]
  client_key:
    env: [{name: CONSUL_CLIENT_KEY}]
    ini: [{section: prometheus_fleet, key: consul_client_key}]
    vars: [{name: prometheus_fleet_consul_client_key}]
  datacenter:
    ini: [{section: prometheus_fleet, key: consul_datacenter}]
    vars: [{name: prometheus_fleet_consul_datacenter}]
  namespace:
    env: [{name: CONSUL_NAMESPACE}]
    ini: [{section: prometheus_fleet, key: consul_namespace}]
    vars: [{name: prometheus_fleet_consul_namespace}]
  partition:
    env: [{name: CONSUL_PARTITION}]
    ini: [{section: prometheus_fleet, key: consul_partition}]
    vars: [{name: prometheus_fleet_consul_partition}]
  consistency:
    ini: [{section: prometheus_fleet, key: consul_consistency}]
    vars: [{name: prometheus_fleet_consul_consistency}]
  timeout:
    ini: [{section: prometheus_fleet, key: store_timeout}]
    vars: [{name: prometheus_fleet_store_timeout}]
"""
