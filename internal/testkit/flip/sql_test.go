package flip_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// master is the login that does what an administrator of the database can.
const (
	master = scope.Master
	app    = "coach_app"
	reader = "coach_reader"
	probe  = "coach_probe"
)

// secret is where the operator keeps the password of a login.
func (w *world) secret(login string) *corev1.Secret {
	w.Helper()
	suffix := map[string]string{
		master: "-master", app: "-login-coach-app", reader: "-login-coach-reader", probe: "-login-coach-probe",
	}[login]
	secret := &corev1.Secret{}
	err := w.client.Get(w.Context(), types.NamespacedName{Namespace: w.home, Name: w.tenant.Resource() + suffix}, secret)
	w.must("reading the password of "+login, err)
	return secret
}

func (w *world) password(login string) string {
	w.Helper()
	return string(w.secret(login).Data["password"])
}

// setPassword changes the stored password of a login.
func (w *world) setPassword(login, password string) {
	w.Helper()
	before := w.secret(login)
	after := before.DeepCopy()
	after.Data["password"] = []byte(password)
	w.must("changing a Secret", w.client.Patch(w.Context(), after, client.MergeFrom(before)))
}

// forget deletes the stored passwords of logins.
func (w *world) forget(logins ...string) {
	w.Helper()
	for _, login := range logins {
		w.must("deleting a Secret", w.client.Delete(w.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: w.home, Name: w.secret(login).Name,
		}}))
	}
}

// config is that of a session with the platform's database; its TLS is up to the caller.
func (w *world) config(login, password, database string) *pgx.ConnConfig {
	w.Helper()
	config, err := pgx.ParseConfig("host=none port=1 user=none password=none dbname=none sslmode=verify-full")
	w.must("creating a configuration", err)
	endpoint := w.live().Endpoint
	config.Host, config.Port = *endpoint.Address, uint16(*endpoint.Port)
	config.User, config.Password, config.Database = login, password, database
	config.DialFunc = w.account.Sandbox().Dial
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return config
}

// try opens a session over verified TLS.
func (w *world) try(login, password, database string) (*pgx.Conn, error) {
	w.Helper()
	pem, err := os.ReadFile(w.account.Sandbox().CA)
	w.must("reading the sandbox's CA", err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := w.config(login, password, database)
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: config.Host, MinVersion: tls.VersionTLS12}
	return pgx.ConnectConfig(w.Context(), config)
}

// plain opens a session without TLS, which only a server that was broken admits, and returns what ends it.
func (w *world) plain(login, password, database string) (end func(*world)) {
	w.Helper()
	config := w.config(login, password, database)
	config.TLSConfig = nil
	conn, err := pgx.ConnectConfig(w.Context(), config)
	w.must("opening a session without TLS", err)
	return func(w *world) { _ = conn.Close(w.Context()) }
}

// hold opens sessions over TLS and returns what ends them.
func (w *world) hold(n int, login, password string) (end func(*world)) {
	w.Helper()
	var open []*pgx.Conn
	for range n {
		conn, err := w.try(login, password, scope.DatabaseName)
		w.must("opening a session", err)
		open = append(open, conn)
	}
	return func(w *world) {
		for _, conn := range open {
			_ = conn.Close(w.Context())
		}
	}
}

// as runs statements as a login.
func (w *world) as(login, password, database string, statements ...string) error {
	w.Helper()
	conn, err := w.try(login, password, database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(w.Context()) }() // its work is done
	for _, statement := range statements {
		if _, err := conn.Exec(w.Context(), statement); err != nil {
			return err
		}
	}
	return nil
}

// sql runs statements as the master.
func sql(statements ...string) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("running SQL", w.as(master, w.password(master), scope.DatabaseName, statements...))
	}
}

// trySQL tries statements as the master.
func trySQL(statements ...string) func(*world) error {
	return func(w *world) error {
		w.Helper()
		return w.as(master, w.password(master), scope.DatabaseName, statements...)
	}
}

// tryPlain tries a session without TLS.
func (w *world) tryPlain(login, password, database string) error {
	w.Helper()
	config := w.config(login, password, database)
	config.TLSConfig = nil
	conn, err := pgx.ConnectConfig(w.Context(), config)
	if err == nil {
		err = conn.Close(w.Context())
	}
	return err
}
