package platform

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Socket is a TCP socket that listens.
type Socket struct {
	Process string
	Address netip.AddrPort
}

// Listening returns the sockets that processes of the platform listen on. It needs /proc.
func (p *Platform) Listening(t testing.TB) []Socket {
	t.Helper()
	p.note()
	names := map[int]string{p.cmd.Process.Pid: "seaport up"}
	p.mu.Lock()
	maps.Copy(names, p.seen)
	p.mu.Unlock()
	open := openSockets(t)
	var all []Socket
	for _, s := range running() {
		name, ours := names[s.pid], names[s.pid] != "" || names[s.group] != ""
		if !ours {
			continue
		}
		if name == "" {
			name = "a child of " + names[s.group]
		}
		descriptors, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(s.pid), "fd", "*"))
		for _, descriptor := range descriptors {
			target, _ := os.Readlink(descriptor)
			inode, isSocket := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
			if address, listens := open[inode]; isSocket && listens {
				all = append(all, Socket{name, address})
			}
		}
	}
	return all
}

// ListeningHere returns where anybody listens on this machine. It needs /proc.
func ListeningHere(t testing.TB) []netip.AddrPort {
	t.Helper()
	return slices.Collect(maps.Values(openSockets(t)))
}

// openSockets returns the listening sockets of this machine by their inodes.
func openSockets(t testing.TB) map[string]netip.AddrPort {
	t.Helper()
	open := make(map[string]netip.AddrPort)
	for _, table := range []string{"tcp", "tcp6"} {
		if err := readSockets(filepath.Join("/proc/net", table), open); err != nil {
			t.Fatal(err)
		}
	}
	return open
}

// readSockets reads the listening sockets of a table of the kernel.
func readSockets(table string, into map[string]netip.AddrPort) error {
	file, err := os.Open(table)
	if err != nil {
		return fmt.Errorf("reading sockets: %w", err)
	}
	defer func() { _ = file.Close() }()
	const listening = "0A"
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// number, local address, remote address, state, …, the tenth is the inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		address, err := socketAddress(fields[1])
		if err != nil {
			return fmt.Errorf("reading %s: %w", table, err)
		}
		into[fields[9]] = address
	}
	return lines.Err()
}

// socketAddress reads "0100007F:1F90": words of four bytes, each in the order of the machine,
// which is taken to be the little end first.
func socketAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}
