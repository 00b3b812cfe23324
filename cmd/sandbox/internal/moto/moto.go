// Package moto runs the moto server, which answers for the AWS services the
// sandbox does not model itself, and speaks to it on the sandbox's own behalf.
package moto

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

var (
	//go:embed server.py
	program string
	// images are the machine images there are: one. moto's own thousand make every
	// new account slow.
	//go:embed images.json
	images []byte
)

const (
	// startTime is how long moto may take to answer its first request: it imports
	// some hundred Python modules.
	startTime = 60 * time.Second
	// stopTime is how long it may take to end before it is killed.
	stopTime = 5 * time.Second
	// connections bounds the threads moto runs at once.
	connections = 16

	logName = "moto.log"

	accountHeader = "X-Moto-Account-Id"
)

// Server is moto, which starts when it is first needed. It is safe for concurrent use.
type Server struct {
	python, dir string
	log         *slog.Logger
	client      *http.Client
	ended       chan struct{}

	mu      sync.Mutex
	url     string // "" until it runs
	failed  error  // why it did not start; it is not tried again
	command *exec.Cmd
	stdin   io.Closer
}

// New finds moto by the interpreter of the given moto_server script. What it prints
// goes to moto.log in the directory.
func New(script, dir string, log *slog.Logger) (*Server, error) {
	python, err := interpreter(script)
	if err != nil {
		return nil, fmt.Errorf("find moto: %w", err)
	}
	return &Server{
		python: python, dir: dir, log: log, ended: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}},
	}, nil
}

// running is the URL of moto, which is started if it does not run yet.
func (s *Server) running(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == "" && s.failed == nil {
		s.url, s.failed = s.start(context.WithoutCancel(ctx))
	}
	return s.url, s.failed
}

func (s *Server) start(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for moto: %w", err)
	}
	defer func() { _ = listener.Close() }()
	url := "http://" + listener.Addr().String()
	if err := s.launch(ctx, s.python, s.dir, listener); err != nil {
		return "", fmt.Errorf("start moto: %w", err)
	}
	if err := s.await(ctx, url); err != nil {
		s.end()
		return "", fmt.Errorf("await moto, see %s: %w", filepath.Join(s.dir, logName), err)
	}
	s.log.InfoContext(ctx, "moto answers", "pid", s.command.Process.Pid)
	return url, nil
}

// interpreter is the Python named in the first line of the script: that of the
// environment moto is installed in.
func interpreter(script string) (string, error) {
	file, err := os.Open(script) //nolint:gosec // the user says where moto is
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	line, err := bufio.NewReader(io.LimitReader(file, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	python, ok := strings.CutPrefix(strings.TrimSpace(line), "#!")
	if !ok || python == "" {
		return "", fmt.Errorf("%s does not name its interpreter", script)
	}
	return python, nil
}

func (s *Server) launch(ctx context.Context, python, dir string, listener net.Listener) error {
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	imagesFile := filepath.Join(dir, "images.json")
	if err := os.WriteFile(imagesFile, images, 0o600); err != nil {
		return err
	}
	output, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // in the state directory
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	s.command = exec.CommandContext(context.WithoutCancel(ctx), python, "-c", program, "3") //nolint:gosec // of the environment the user names
	// A Ctrl-C in the terminal is for the sandbox, which then stops moto itself.
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.command.ExtraFiles = []*os.File{socket}
	s.command.Stdout, s.command.Stderr = output, output
	s.command.Env = append(os.Environ(),
		"MOTO_AMIS_PATH="+imagesFile, "MOTO_IAM_LOAD_MANAGED_POLICIES=false", "MOTO_ALLOW_NONEXISTENT_REGION=true")
	if s.stdin, err = s.command.StdinPipe(); err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		return err
	}
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // how it ended is in its log
	}()
	return nil
}

// await waits until moto answers. The socket exists already, so the first request
// simply takes as long as moto needs to start.
func (s *Server) await(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/sandbox/reset/none", http.NoBody)
	if err != nil {
		return err
	}
	return s.expectOK(request)
}

// Stop ends moto, if it runs, and returns when it is gone.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != "" {
		s.end()
	}
	s.url, s.failed = "", errStopped
}

var errStopped = errors.New("moto has been stopped")

func (s *Server) end() {
	_ = s.stdin.Close() // its end is the signal
	select {
	case <-s.ended:
	case <-time.After(stopTime):
		_ = s.command.Process.Kill()
		<-s.ended
	}
}

// Ended is closed when moto has ended, for whatever reason.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Reset forgets everything moto holds for an account.
func (s *Server) Reset(ctx context.Context, account string) error {
	url, err := s.running(ctx)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/sandbox/reset/"+account, http.NoBody)
	if err != nil {
		return fmt.Errorf("reset account: %w", err)
	}
	if err := s.expectOK(request); err != nil {
		return fmt.Errorf("reset account: %w", err)
	}
	return nil
}

func (s *Server) expectOK(request *http.Request) error {
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", request.URL.Path, response.StatusCode)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// Forward lets moto answer a request as the given account.
func (s *Server) Forward(ctx context.Context, req *wire.Request, account string) (*wire.Answer, error) {
	url, err := s.running(ctx)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, req.HTTP.Method, url+req.HTTP.URL.RequestURI(), bytes.NewReader(req.Body))
	if err != nil {
		return nil, fmt.Errorf("forward to moto: %w", err)
	}
	request.Header = req.HTTP.Header.Clone()
	request.Header.Del("Accept-Encoding")
	request.Header.Set(accountHeader, account)
	request.Host = req.HTTP.Host
	return s.do(request)
}

func (s *Server) do(request *http.Request) (*wire.Answer, error) {
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask moto: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read moto's answer: %w", err)
	}
	header := response.Header.Clone()
	for _, name := range []string{"Connection", "Server", "Date", "Content-Length", "Transfer-Encoding"} {
		header.Del(name)
	}
	return &wire.Answer{Status: response.StatusCode, Header: header, Body: body}, nil
}
