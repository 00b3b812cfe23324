package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
)

// loopback needs no address added to an interface: all of it is local.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// pool hands out the addresses of a prefix. The same ID gets the same address
// again, also from another process, unless someone else has it.
type pool struct {
	prefix  netip.Prefix
	records string // a file for each address added to lo, named after it

	mu   sync.Mutex
	used map[netip.Addr]bool
}

func newPool(prefix netip.Prefix) (*pool, error) {
	prefix = prefix.Masked()
	if !prefix.IsValid() || !prefix.Addr().Is4() || prefix.Bits() < 8 || prefix.Bits() > 30 {
		return nil, fmt.Errorf("address pool %s is not an IPv4 prefix of 8 to 30 bits", prefix)
	}
	return &pool{prefix: prefix, used: map[netip.Addr]bool{}}, nil
}

// take returns an address on which port is free, beginning at the one that the
// ID's hash points to.
func (p *pool) take(id string, port int) (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id))                // never fails
	hosts := uint32(1)<<(32-p.prefix.Bits()) - 2 // all but the network's and the broadcast address
	network := binary.BigEndian.Uint32(p.prefix.Addr().AsSlice())
	for n := range hosts {
		address := number4(network + 1 + (hash.Sum32()%hosts+n)%hosts)
		if p.used[address] || address == netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
			continue
		}
		taken, err := p.add(address, port)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("add address %s: %w", address, err)
		}
		if taken {
			p.used[address] = true
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no free address left in %s", p.prefix)
}

// give frees an address, and removes it from lo if it was added there.
func (p *pool) give(address netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, address)
	return p.drop(address)
}

// recover removes the addresses that an earlier process added.
func (p *pool) recover() error {
	entries, err := os.ReadDir(p.records)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		address, err := netip.ParseAddr(entry.Name())
		if err != nil {
			return err
		}
		if err := p.drop(address); err != nil {
			return err
		}
	}
	return nil
}

// add makes an address usable; false says that another process has it.
func (p *pool) add(address netip.Addr, port int) (bool, error) {
	if loopback.Contains(address) {
		return portFree(address, port), nil
	}
	local, err := isLocal(address)
	if err != nil || local {
		return false, err
	}
	// The record comes first: rather one too many than an address that stays.
	if err := os.WriteFile(p.record(address), nil, 0o600); err != nil {
		return false, err
	}
	link, err := netlink.LinkByName("lo")
	if err != nil {
		return false, err
	}
	if err := netlink.AddrAdd(link, hostRoute(address)); err != nil {
		return false, errors.Join(err, os.Remove(p.record(address)))
	}
	return true, nil
}

func (p *pool) drop(address netip.Addr) error {
	if _, err := os.Stat(p.record(address)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	link, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.AddrDel(link, hostRoute(address)); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("remove address %s: %w", address, err)
	}
	return os.Remove(p.record(address))
}

func (p *pool) record(address netip.Addr) string { return filepath.Join(p.records, address.String()) }

func portFree(address netip.Addr, port int) bool {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: address.AsSlice(), Port: port})
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

func isLocal(address netip.Addr) (bool, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	for _, one := range all {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && prefix.Addr() == address {
			return true, nil
		}
	}
	return false, nil
}

func hostRoute(address netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(32, 32)}}
}

func number4(number uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, number)))
}
