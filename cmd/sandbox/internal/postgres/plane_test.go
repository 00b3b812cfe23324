package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

func contains(t *testing.T, path, text string) bool {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(text))
}

func shut(t *testing.T, closer io.Closer) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// newPlane is a plane of a test's own.
func newPlane(t *testing.T, change func(*postgres.Config)) (*postgres.Plane, error) {
	t.Helper()
	own := config(t.TempDir(), slog.New(slog.DiscardHandler))
	change(&own)
	plane, err := postgres.New(own)
	if err == nil {
		t.Cleanup(func() {
			if err := plane.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return plane, err
}

func TestAPlaneThatCannotWorkIsAnError(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "binaries")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*postgres.Config){
		"another plane uses its directory": func(c *postgres.Config) { c.Dir = filepath.Join(world.dir, "state") },
		"its pool is no prefix":            func(c *postgres.Config) { c.Addresses = netip.Prefix{} },
		"its pool is of IPv6":              func(c *postgres.Config) { c.Addresses = netip.MustParsePrefix("fd00::/64") },
		"its pool has one address":         func(c *postgres.Config) { c.Addresses = netip.MustParsePrefix("127.1.2.3/32") },
		"its servers cannot reach what they run": func(c *postgres.Config) {
			c.Binaries = closed
		},
	}
	for sentence, change := range cases {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if _, err := newPlane(t, change); err == nil {
				t.Error("it opened")
			}
		})
	}
}

func TestAFullPoolIsAnErrorUntilAnAddressIsFreed(t *testing.T) {
	t.Parallel()
	plane, err := newPlane(t, func(c *postgres.Config) { c.Addresses = netip.MustParsePrefix("127.78.0.0/30") })
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := newSpec("16"), newSpec("16"), newSpec("16")
	addresses := make([]netip.Addr, 2)
	for n, spec := range []postgres.Spec{first, second} {
		if addresses[n], err = plane.Create(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	if addresses[0].String() != "127.78.0.1" || addresses[1].String() != "127.78.0.2" {
		t.Errorf("addresses %v", addresses)
	}
	if _, err := plane.Create(t.Context(), third); err == nil || !strings.Contains(err.Error(), "no free address") {
		t.Fatalf("create: %v, want no free address", err)
	}
	if err := plane.Delete(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := plane.Create(t.Context(), third); err != nil {
		t.Errorf("create on a freed address: %v", err)
	}
}

func TestAnAddressThatAnotherProgramUsesIsNotTaken(t *testing.T) {
	t.Parallel()
	plane, err := newPlane(t, func(c *postgres.Config) { c.Addresses = netip.MustParsePrefix("127.79.0.0/30") })
	if err != nil {
		t.Fatal(err)
	}
	spec := newSpec("16")
	favourite, err := plane.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := plane.Delete(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	used := netip.AddrPortFrom(favourite, uint16(spec.Port))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", used.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, listener) })
	if again, err := plane.Create(t.Context(), spec); err != nil || again == favourite {
		t.Errorf("address %s, %v; want another than %s", again, err, favourite)
	}
}

// The addresses are of a network that is set aside for documentation.
func TestAnAddressOutsideLoopbackIsOnTheMachineWhileItIsUsed(t *testing.T) {
	t.Parallel()
	plane, err := newPlane(t, func(c *postgres.Config) { c.Addresses = netip.MustParsePrefix("192.0.2.0/24") })
	if err != nil {
		t.Fatal(err)
	}
	spec, other := newSpec("16"), newSpec("16")
	address, err := plane.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	second, err := plane.Create(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	login{spec: spec, plane: plane}.session(t)
	if err := plane.Delete(t.Context(), spec.ID); err != nil {
		t.Fatal(err)
	}
	if onMachine(t, address) {
		t.Errorf("%s outlived its instance", address)
	}
	if !onMachine(t, second) {
		t.Errorf("%s went with another instance", second)
	}
	if err := plane.Close(); err != nil {
		t.Fatal(err)
	}
	if onMachine(t, second) {
		t.Errorf("%s outlived its plane", second)
	}
}

func onMachine(t *testing.T, address netip.Addr) bool {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(one net.Addr) bool { return one.String() == address.String()+"/32" })
}

func TestACancelledCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	plane, err := newPlane(t, func(*postgres.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	spec := newSpec("16")
	if _, err := plane.Create(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Fatalf("create: %v", err)
	}
	if _, ok := plane.Address(spec.ID); ok {
		t.Error("an instance is there")
	}
	if _, err := plane.Create(t.Context(), spec); err != nil {
		t.Errorf("create after a cancelled one: %v", err)
	}
}

func TestAClosedPlaneHasStoppedEverything(t *testing.T) {
	t.Parallel()
	plane, err := newPlane(t, func(*postgres.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	specs := []postgres.Spec{newSpec("14"), newSpec("16"), newSpec("18")}
	addresses := make([]netip.Addr, len(specs))
	for n, spec := range specs {
		if addresses[n], err = plane.Create(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	if err := plane.Close(); err != nil {
		t.Fatal(err)
	}
	for n, spec := range specs {
		unreachable(t, addresses[n], spec.Port)
	}
	if _, err := plane.Create(t.Context(), specs[0]); !errors.Is(err, postgres.ErrClosed) {
		t.Errorf("create: %v, want %v", err, postgres.ErrClosed)
	}
	if err := plane.Stop(t.Context(), specs[0].ID); err == nil {
		t.Error("an operation on a closed plane succeeded")
	}
}

func TestServersKnowNothingOfThisProcess(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "must-not-be-inherited")
	spec := newSpec("16")
	create(t, spec)
	process := filepath.Join("/proc", strconv.Itoa(postmaster(t, spec)))
	environment, err := os.ReadFile(filepath.Join(process, "environ"))
	if err != nil || len(environment) == 0 || bytes.Contains(environment, []byte("must-not-be-inherited")) {
		t.Errorf("environment of a server: %v, %d bytes, or it was inherited", err, len(environment))
	}
	arguments, err := os.ReadFile(filepath.Join(process, "cmdline"))
	if err != nil || len(arguments) == 0 || bytes.Contains(arguments, []byte(spec.MasterPassword)) {
		t.Errorf("arguments of a server: %v, %d bytes, or they hold a password", err, len(arguments))
	}
}
