// SPDX-License-Identifier: MIT

package servers

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"epbench"
)

// Workers is how many worker processes nginx has, and threads haproxy.
const Workers = 2

// program is what there is to know of a server program.
type program struct {
	name    string
	command string // also the Debian package that has it, if it is no path
	// configure writes what it reads, and returns its arguments.
	configure func(setting) (args []string, err error)
	// ask is sent on a connection, and comes to answer at the end of what
	// comes back.
	ask, answer string
	backend     bool // it passes on to another server
}

// setting is what a program is configured for.
type setting struct {
	dir     string // its own
	address netip.AddrPort
	backend netip.AddrPort // where to pass on to, if the program does
	n       int            // connections
}

var programs = []program{
	{
		name: "nginx", command: "nginx", configure: nginx,
		ask: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", answer: "\r\n\r\n",
	},
	{
		name: "redis", command: "redis-server", configure: redis,
		ask: "PING\r\n", answer: "+PONG\r\n",
	},
	{
		name: "haproxy", command: "haproxy", configure: haproxy,
		ask: lineAsk, answer: lineAnswer, backend: true,
	},
	{name: "node", command: "nodejs", configure: node, ask: lineAsk, answer: lineAnswer},
	{name: "go", command: "/proc/self/exe", configure: golang, ask: lineAsk, answer: lineAnswer},
}

// Programs returns the names of the programs that Start knows.
func Programs() []string {
	var names []string
	for _, p := range programs {
		names = append(names, p.name)
	}
	return names
}

// path finds the program, also where daemons are and users do not look.
func (p program) path() (string, error) {
	path, err := exec.LookPath(p.command)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + p.command)
	}
	if err != nil {
		return "", &epbench.UnavailableError{
			Err:  fmt.Errorf("no %s on this machine", p.command),
			Hint: "install the package " + p.command,
		}
	}
	return path, nil
}

// spare is how many connections a server may have beyond those asked for, and
// descriptors beyond those of connections.
const spare = 64

// nginx follows Debian's /etc/nginx/nginx.conf, with two workers, room for the
// connections in one of them, and a page that is no file.
func nginx(s setting) ([]string, error) {
	return writeConfig(s, "nginx.conf", []string{"-p", s.dir, "-e", "error.log", "-c"}, `
user www-data;
worker_processes %[1]d;
worker_rlimit_nofile %[2]d;
daemon off;
pid nginx.pid;
error_log error.log;
events {
	worker_connections %[2]d;
}
http {
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 1h;
	access_log access.log;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen %[3]v;
		location / {
			return 204;
		}
	}
}
`, Workers, s.n+spare, s.address)
}

// redis follows Debian's /etc/redis/redis.conf, but writes no snapshots.
func redis(s setting) ([]string, error) {
	return writeConfig(s, "redis.conf", nil, `
bind %v
port %d
daemonize no
supervised no
dir %s
logfile redis.log
save ""
timeout 0
maxclients %d
`, s.address.Addr(), s.address.Port(), s.dir, s.n+spare)
}

// haproxy follows Debian's unit, a master and a worker (-W), and its
// /etc/haproxy/haproxy.cfg with the statistics socket, but passes on bytes
// and not requests: each connection of a client has one to the backend.
func haproxy(s setting) ([]string, error) {
	return writeConfig(s, "haproxy.cfg", []string{"-W", "-f"}, `
global
	nbthread %d
	maxconn %d
	stats socket unix@admin.sock mode 660 level admin
	stats timeout 30s
defaults
	mode tcp
	timeout connect 5s
	timeout client 1h
	timeout server 1h
frontend clients
	bind %v
	default_backend servers
backend servers
	server only %v
`, Workers, s.n+spare, s.address, s.backend)
}

// node is a server of Node.js that answers what comes.
func node(s setting) ([]string, error) {
	return writeConfig(s, "server.js", nil, `
require("net").createServer(
	socket => socket.on("error", () => {}).on("data", () => socket.write(%q))
).listen(%d, %q)
`, lineAnswer, s.address.Port(), s.address.Addr())
}

// golang is this same program, taken over before its main function to be a
// server of Go's runtime.
func golang(s setting) ([]string, error) {
	return []string{goServer, s.address.String()}, nil
}

// writeConfig writes a configuration, whose path comes to be the last argument.
func writeConfig(s setting, name string, args []string, format string, values ...any) ([]string, error) {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, fmt.Appendf(nil, format, values...), 0o600); err != nil {
		return nil, err
	}
	return append(args, path), nil
}
