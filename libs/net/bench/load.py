#!/usr/bin/env python3
"""Load figures of libs/net against nginx in the same run: small requests per second, CPU per request, memory of 10,000 idle connections.
Needs wrk and nginx (Debian). Usage: libs/net/bench/load.py build/release/libs/net/net_load_server [--seconds N] [--idle N]"""
import argparse, os, pathlib, re, resource, shutil, socket, subprocess, sys, tempfile, time

BODY = '{"service":"load","status":"ok","text":"seventy bytes of JSON, about"}'
NGINX = """worker_processes 2; daemon off; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{ listen 127.0.0.1:{port} reuseport; location /hello {{ return 200 '{body}'; }} }} }}"""

def tree(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid] + [int(c) for c in children]

def cpu_s(pid):
    total = 0
    for p in tree(pid):
        f = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(f[11]) + int(f[12])
    return total / os.sysconf("SC_CLK_TCK")

def rss_mib(pid):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{p}/status").read_text()).group(1)) for p in tree(pid)) / 1024

def wrk(port, seconds, connections):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True).stdout
    count = int(re.search(r"(\d+) requests in", out).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    p99 = re.search(r"99%\s+(\S+)", out).group(1)
    bad = re.search(r"(Socket errors.*|Non-2xx.*)", out)
    return count, rate, p99, bad.group(1) if bad else "none"

def measure(name, pid, port, seconds):
    for connections in (32, 256):
        before = cpu_s(pid)
        count, rate, p99, bad = wrk(port, seconds, connections)
        print(f"{name:8} {connections:4} connections  {rate:9.0f} requests/s  {1e6 * (cpu_s(pid) - before) / count:6.1f} us CPU/request  p99 {p99:>8}  RSS {rss_mib(pid):6.1f} MiB  errors: {bad}", flush=True)

def idle(pid, port, number):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    base = rss_mib(pid)
    sockets = []
    for _ in range(number):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        sockets.append(s)
    for s in sockets:
        assert s.recv(4096).startswith(b"HTTP/1.1 200")
    print(f"aceso    {number} idle connections, each after one request: RSS {base:.1f} -> {rss_mib(pid):.1f} MiB, threads {len(os.listdir(f'/proc/{pid}/task'))}")
    began = time.monotonic()
    sockets[0].sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    assert sockets[0].recv(4096).startswith(b"HTTP/1.1 200")
    print(f"aceso    one more request among them: {1e3 * (time.monotonic() - began):.2f} ms")

def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("server")
    p.add_argument("--seconds", type=int, default=5)
    p.add_argument("--idle", type=int, default=10000)
    a = p.parse_args()
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool):
            sys.exit(f"needs {tool}: apt-get install {tool}")
    print(f"{os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.1f}")
    ours = subprocess.Popen([a.server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(ours.stdout.readline())
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            peer_port = s.getsockname()[1]
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(NGINX.format(dir=folder, port=peer_port, body=BODY))
        peer = subprocess.Popen(["nginx", "-c", str(conf), "-p", folder])
        time.sleep(1)
        try:
            for _ in range(2):
                measure("aceso", ours.pid, port, a.seconds)
                measure("nginx", peer.pid, peer_port, a.seconds)
            idle(ours.pid, port, a.idle)
        finally:
            peer.terminate()
            ours.stdin.close()
            began = time.monotonic()
            ours.wait(20)
            print(f"aceso    stopped in {time.monotonic() - began:.2f} s, status {ours.returncode}")

main()
