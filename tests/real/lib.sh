# What `run` needs: a scratch directory, three nginx as backends, and each of the proxies.
# Everything listens on loopback, lives below $scratch, and ends with the script.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/switchback-real.XXXXXX")

ports=()       # of the backends
masters=()     # process ids of their masters
proxy_pid=     # of the proxy under test
filter_pid=    # of what reads Switchback's access log
load_pid=      # of the load

die() {
    echo "$0: $*" >&2
    exit 2
}

need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || die "$tool is missing: apt-get install nginx-light wrk haproxy python3"
    done
}

# The process and its children.
family() {
    echo "$1"
    pgrep -P "$1" || true
}

cleanup() {
    local status=$? pid
    trap - EXIT INT TERM
    for pid in $load_pid $proxy_pid $filter_pid "${masters[@]}"; do
        # A stopped process takes no other signal than these.
        # shellcheck disable=SC2046
        kill -KILL $(family "$pid") 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$scratch"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# $1 free ports, below the range from which outgoing connections take theirs: so nobody can take the port of
# a backend that is down, nor can a connection to it end up at itself.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys
kept = []
while len(kept) < int(sys.argv[1]):
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", random.randrange(20000, 32000)))
        kept.append(held)
    except OSError:
        pass
print(*(held.getsockname()[1] for held in kept))
PYTHON
}

is_up() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

wait_up() {
    local _
    for _ in {1..100}; do
        is_up "$1" && return
        sleep 0.05
    done
    cat "$scratch"/proxy/log "$scratch"/backend*/stderr >&2 2>/dev/null || true
    die "nothing listens on port $1"
}

wait_gone() {
    local _
    for _ in {1..200}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    return 1
}

# nginx started by root gives its workers away, who then cannot enter the scratch directory.
nginx_user() {
    if [ "$(id -u)" = 0 ]; then echo "user root;"; fi
}

# --- backends -----------------------------------------------------------------------------------------------

prepare_backends() {
    local i dir
    read -ra ports <<<"$(free_ports 3)"
    for i in 0 1 2; do
        dir=$scratch/backend$i
        mkdir -p "$dir/html"
        head -c 4096 /dev/zero | tr '\0' x >"$dir/html/index.html"
        cat >"$dir/nginx.conf" <<CONF
$(nginx_user)
worker_processes 1;
pid nginx.pid;
error_log error.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    log_format id '\$arg_id';
    server {
        listen 127.0.0.1:${ports[$i]};
        root html;
        location = /healthz { return 200; }
        # Each execution of a POST leaves a line.
        location = /post { access_log posts.log id; return 200; }
        location /put/ { dav_methods PUT; }
    }
}
CONF
        mkdir -p "$dir/html/put"
        masters[i]=
        start_backend "$i"
    done
}

start_backend() {
    local i=$1
    nginx -p "$scratch/backend$i" -c nginx.conf -g 'daemon off;' 2>>"$scratch/backend$i/stderr" &
    masters[i]=$!
    disown
    wait_up "${ports[$i]}"
}

# --- proxies ------------------------------------------------------------------------------------------------

start_proxy() {
    local name=$1
    read -r port admin <<<"$(free_ports 2)"
    mkdir -p "$scratch/proxy/pools"
    "configure_$name"
    "launch_$name"
    wait_up "$port"
    # Each prober has seen every backend.
    sleep 1
}

configure_switchback() {
    cat >"$scratch/proxy/switchback.yaml" <<CONF
listeners: [ 127.0.0.1:$port ]
admin: { address: 127.0.0.1:$admin }
access_log: stdout
drain: { delay: 0s, timeout: 5s }
pools: pools/*.yaml
routes:
  - pool: web
CONF
    cat >"$scratch/proxy/pools/web.yaml" <<CONF
endpoints: [ 127.0.0.1:${ports[0]}, 127.0.0.1:${ports[1]}, 127.0.0.1:${ports[2]} ]
health: { http: { path: /healthz } }
timeouts: { first_byte: 2s, idle: 2s }
CONF
}

switchback_binary() {
    local binary
    for binary in "${SWITCHBACK:-}" "$root/target/release/switchback" "$root/target/debug/switchback"; do
        if [ -n "$binary" ] && [ -x "$binary" ]; then
            echo "$binary"
            return
        fi
    done
    die "no binary: cargo build --release -p switchback"
}

# Of the access log only the lines are kept of requests that did not simply go through at the first attempt.
launch_switchback() {
    local binary
    binary=$(switchback_binary)
    mkfifo "$scratch/proxy/lines"
    LC_ALL=C grep -F -e '"decision":' -e '"reason":' -e '"status":null' \
        <"$scratch/proxy/lines" >"$scratch/access.jsonl" &
    filter_pid=$!
    "$binary" run -c "$scratch/proxy/switchback.yaml" >"$scratch/proxy/lines" 2>"$scratch/proxy/log" &
    proxy_pid=$!
}

# max_fails as nginx's own default, but for a shorter time: what is down is tried again, and rescued, every 2 s.
configure_nginx() {
    cat >"$scratch/proxy/nginx.conf" <<CONF
$(nginx_user)
worker_processes auto;
pid nginx.pid;
error_log error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream web {
        zone web 256k;
        least_conn;
        server 127.0.0.1:${ports[0]} max_fails=3 fail_timeout=2s;
        server 127.0.0.1:${ports[1]} max_fails=3 fail_timeout=2s;
        server 127.0.0.1:${ports[2]} max_fails=3 fail_timeout=2s;
        keepalive 64;
        keepalive_timeout 4s;
    }
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$host;
            proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
            proxy_connect_timeout 2s;
            proxy_read_timeout 2s;
            proxy_next_upstream error timeout http_502 http_503 http_504;
            proxy_next_upstream_tries 3;
            proxy_next_upstream_timeout 55s;
        }
    }
}
CONF
}

launch_nginx() {
    nginx -p "$scratch/proxy" -c nginx.conf -g 'daemon off;' 2>"$scratch/proxy/log" &
    proxy_pid=$!
}

configure_haproxy() {
    cat >"$scratch/proxy/haproxy.cfg" <<CONF
global
    maxconn 4096
defaults
    mode http
    timeout connect 2s
    timeout server 2s
    timeout client 60s
    timeout http-request 10s
    timeout http-keep-alive 75s
    timeout queue 10s
    timeout check 1s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response response-timeout 502 503 504
    option forwardfor
    http-reuse safe
frontend clients
    bind 127.0.0.1:$port
    # What may have been executed is not sent twice.
    http-request disable-l7-retry if METH_POST
    default_backend web
backend web
    balance leastconn
    option httpchk GET /healthz
    default-server check inter 2s fastinter 500ms fall 3 rise 2 pool-purge-delay 4s
    server b0 127.0.0.1:${ports[0]}
    server b1 127.0.0.1:${ports[1]}
    server b2 127.0.0.1:${ports[2]}
CONF
}

launch_haproxy() {
    haproxy -db -f "$scratch/proxy/haproxy.cfg" >"$scratch/proxy/log" 2>&1 &
    proxy_pid=$!
}

stop_proxy() {
    kill -TERM "$proxy_pid"
    wait "$proxy_pid" || true
    proxy_pid=
    if [ -n "$filter_pid" ]; then
        wait "$filter_pid" || true
        filter_pid=
    fi
}
