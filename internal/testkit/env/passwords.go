package env

import (
	"context"
	"crypto/rand"
	"sync"
)

// Passwords is a store of passwords in memory; it implements scope.Passwords.
type Passwords struct {
	mu  sync.Mutex
	all map[string]string
}

// NewPasswords returns a store that holds the given passwords, by login.
func NewPasswords(all map[string]string) *Passwords {
	if all == nil {
		all = map[string]string{}
	}
	return &Passwords{all: all}
}

// Ensure implements scope.Passwords.
func (p *Passwords) Ensure(_ context.Context, login string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[login] == "" {
		p.all[login] = rand.Text()
	}
	return p.all[login], nil
}

// Stored implements scope.Passwords.
func (p *Passwords) Stored(_ context.Context, login string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[login], nil
}

// Forget implements scope.Passwords.
func (p *Passwords) Forget(_ context.Context, login string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, login)
	return nil
}
