package rds

import (
	"slices"
	"strconv"
	"strings"
)

// parameter is one DB parameter as RDS offers it. The catalogue holds those that
// matter for security, logging and sizing, not all four hundred.
type parameter struct {
	name    string
	usual   string // engine default; "" is none
	allowed string // "0,1", "10-600", or "" for any text
	kind    string // boolean, integer, string, list
	static  bool   // needs a reboot
	fixed   bool   // cannot be modified
	about   string
}

var catalogue = []parameter{
	{"application_name", "", "", "string", false, true, "Sets the application name to be reported in statistics and logs."},
	{"autovacuum", "1", "0,1", "boolean", false, false, "Starts the autovacuum subprocess."},
	{"autovacuum_max_workers", "3", "1-262143", "integer", true, false, "Sets the maximum number of simultaneously running autovacuum worker processes."},
	{"autovacuum_naptime", "15", "1-2147483", "integer", false, false, "(s) Time to sleep between autovacuum runs."},
	{"checkpoint_timeout", "300", "30-3600", "integer", false, false, "(s) Sets the maximum time between automatic WAL checkpoints."},
	{"client_encoding", "UTF8", "", "string", false, false, "Sets the client's character set encoding."},
	{"client_min_messages", "notice", "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error", "string", false, false, "Sets the message levels that are sent to the client."},
	{"datestyle", "", "", "string", false, false, "Sets the display format for date and time values."},
	{"deadlock_timeout", "1000", "1-2147483647", "integer", false, false, "(ms) Sets the time to wait on a lock before checking for deadlock."},
	{"default_transaction_isolation", "read committed", "serializable,repeatable read,read committed,read uncommitted", "string", false, false, "Sets the transaction isolation level of each new transaction."},
	{"effective_cache_size", "{DBInstanceClassMemory/16384}", "1-2147483647", "integer", false, false, "(8kB) Sets the planner's assumption about the size of the disk cache."},
	{"huge_pages", "on", "on,off,try", "string", true, true, "Reduces overhead when you are working with large contiguous chunks of memory."},
	{"idle_in_transaction_session_timeout", "86400000", "0-2147483647", "integer", false, false, "(ms) Sets the maximum allowed duration of any idling transaction."},
	{"idle_session_timeout", "0", "0-2147483647", "integer", false, false, "(ms) Sets the maximum allowed duration of an idle session."},
	{"listen_addresses", "*", "", "string", true, true, "Sets the host name or IP addresses to listen to."},
	{"lock_timeout", "0", "0-2147483647", "integer", false, false, "(ms) Sets the maximum allowed duration of any wait for a lock."},
	{"log_autovacuum_min_duration", "10000", "-1-2147483647", "integer", false, false, "(ms) Sets the minimum execution time above which autovacuum actions will be logged."},
	{"log_checkpoints", "1", "0,1", "boolean", false, true, "Logs each checkpoint."},
	{"log_connections", "0", "0,1", "boolean", false, false, "Logs each successful connection."},
	{"log_disconnections", "0", "0,1", "boolean", false, false, "Logs end of a session, including duration."},
	{"log_duration", "0", "0,1", "boolean", false, false, "Logs the duration of each completed SQL statement."},
	{"log_error_verbosity", "default", "terse,default,verbose", "string", false, false, "Sets the verbosity of logged messages."},
	{"log_hostname", "0", "0,1", "boolean", false, true, "Logs the host name in the connection logs."},
	{"log_line_prefix", "%t:%r:%u@%d:[%p]:", "", "string", false, true, "Controls information prefixed to each log line."},
	{"log_lock_waits", "0", "0,1", "boolean", false, false, "Logs long lock waits."},
	{"log_min_duration_sample", "-1", "-1-2147483647", "integer", false, false, "(ms) Sets the minimum execution time above which a sample of statements will be logged."},
	{"log_min_duration_statement", "-1", "-1-2147483647", "integer", false, false, "(ms) Sets the minimum execution time above which statements will be logged."},
	{"log_min_error_statement", "error", "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "string", false, false, "Causes all statements generating error at or above this level to be logged."},
	{"log_min_messages", "warning", "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "string", false, false, "Sets the message levels that are logged."},
	{"log_parameter_max_length", "-1", "-1-1073741823", "integer", false, false, "(B) Sets the maximum length of logged bind parameter values."},
	{"log_parameter_max_length_on_error", "0", "-1-1073741823", "integer", false, false, "(B) The same, for statements that fail."},
	{"log_rotation_age", "60", "1-1440", "integer", false, false, "(min) Automatic log file rotation will occur after N minutes."},
	{"log_statement", "none", "none,ddl,mod,all", "string", false, false, "Sets the type of statements logged."},
	{"log_temp_files", "-1", "-1-2147483647", "integer", false, false, "(kB) Logs the use of temporary files larger than this."},
	{"log_transaction_sample_rate", "0", "0-1", "float", false, false, "Sets the fraction of transactions from which to log all statements."},
	{"maintenance_work_mem", "GREATEST({DBInstanceClassMemory*1024/63963136},65536)", "1024-2147483647", "integer", false, false, "(kB) Sets the maximum memory to be used for maintenance operations."},
	{"max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", "6-8388607", "integer", true, false, "Sets the maximum number of concurrent connections."},
	{"max_replication_slots", "20", "5-262143", "integer", true, false, "Sets the maximum number of replication slots."},
	{"max_wal_senders", "20", "5-8388607", "integer", true, false, "Sets the maximum number of simultaneously running WAL sender processes."},
	{"password_encryption", "scram-sha-256", "md5,scram-sha-256", "string", false, false, "Encrypt passwords."},
	{"pg_stat_statements.track", "top", "none,top,all", "string", false, false, "Selects which statements are tracked by pg_stat_statements."},
	{"pgaudit.log", "", "ddl,function,misc,read,role,write,none,all,-ddl,-function,-misc,-read,-role,-write", "list", false, false, "Specifies which classes of statements will be logged by session audit logging."},
	{"pgaudit.log_catalog", "1", "0,1", "boolean", false, false, "Logs statements whose relations are all in pg_catalog."},
	{"pgaudit.log_parameter", "0", "0,1", "boolean", false, false, "Logs statement parameters."},
	{"pgaudit.role", "", "rds_pgaudit", "string", false, false, "The master role to use for object audit logging."},
	{"port", "{EndPointPort}", "1-65535", "integer", true, true, "Sets the TCP port the server listens on."},
	{"rds.accepted_password_auth_method", "md5+scram", "md5+scram,scram", "string", false, false, "Passwords accepted: MD5 and SCRAM, or SCRAM only."},
	{"rds.adaptive_autovacuum", "1", "0,1", "boolean", false, false, "RDS parameter to enable or disable adaptive autovacuum."},
	{"rds.force_admin_logging_level", "disabled", "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "string", false, false, "See log messages for RDS admin user actions in customer databases."},
	{"rds.force_autovacuum_logging_level", "warning", "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", "string", false, false, "See log messages related to autovacuum operations."},
	{"rds.force_ssl", "1", "0,1", "boolean", false, false, "Force SSL connections."},
	{"rds.log_retention_period", "4320", "1440-10080", "integer", false, false, "(min) Amazon RDS will delete PostgreSQL log that are older than N minutes."},
	{"rds.logical_replication", "0", "0,1", "boolean", true, false, "Enables logical decoding."},
	{"rds.restrict_password_commands", "0", "0,1", "boolean", true, false, "Restricts password-related commands to members of rds_password."},
	{"rds.superuser_variables", "session_replication_role", "", "string", false, true, "List of superuser-only variables for which we elevate rds_superuser modification statements."},
	{"row_security", "1", "0,1", "boolean", false, false, "Enables row security."},
	{"search_path", "\"$user\",public", "", "string", false, false, "Sets the schema search order for names that are not schema-qualified."},
	{"shared_buffers", "{DBInstanceClassMemory/32768}", "16-1073741823", "integer", true, false, "(8kB) Sets the number of shared memory buffers used by the server."},
	{"shared_preload_libraries", "pg_stat_statements", "auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,pg_stat_statements,pg_tle,pg_transport,plprofiler", "list", true, false, "Lists shared libraries to preload into server."},
	{"ssl", "1", "0,1", "boolean", true, true, "Enables SSL connections."},
	{"ssl_ciphers", "HIGH:!aNULL:!3DES", "", "string", true, false, "Sets the list of allowed SSL ciphers."},
	{"ssl_max_protocol_version", "", "TLSv1,TLSv1.1,TLSv1.2,TLSv1.3", "string", false, false, "Sets the maximum SSL/TLS protocol version to use."},
	{"ssl_min_protocol_version", "TLSv1.2", "TLSv1.2,TLSv1.3", "string", false, false, "Sets the minimum SSL/TLS protocol version to use."},
	{"statement_timeout", "0", "0-2147483647", "integer", false, false, "(ms) Sets the maximum allowed duration of any statement."},
	{"synchronous_commit", "on", "local,on,off", "string", false, false, "Sets the current transaction's synchronization level."},
	{"tcp_keepalives_idle", "300", "0-2147483647", "integer", false, false, "(s) Time between issuing TCP keepalives."},
	{"temp_file_limit", "-1", "-1-2147483647", "integer", false, false, "(kB) Constrains the total amount disk space used by a given PostgreSQL process."},
	{"timezone", "UTC", "", "string", false, false, "Sets the time zone for displaying and interpreting time stamps."},
	{"track_activity_query_size", "4096", "100-1048576", "integer", true, false, "Sets the size reserved for pg_stat_activity.query, in bytes."},
	{"track_io_timing", "1", "0,1", "boolean", false, false, "Collects timing statistics for database IO activity."},
	{"wal_level", "", "", "string", true, true, "Sets the level of information written to the WAL."},
	{"work_mem", "", "64-2147483647", "integer", false, false, "(kB) Sets the maximum memory to be used for query workspaces."},
}

// defaultOf is a parameter's engine default. Before PostgreSQL 15 RDS did not
// force TLS, and 14 knew no idle_session_timeout default of its own.
func defaultOf(name, majorVersion string) string {
	if name == "rds.force_ssl" && majorVersion == "14" {
		return "0"
	}
	if p, ok := find(name); ok {
		return p.usual
	}
	return ""
}

func find(name string) (parameter, bool) {
	i := slices.IndexFunc(catalogue, func(p parameter) bool { return p.name == name })
	if i < 0 {
		return parameter{}, false
	}
	return catalogue[i], true
}

// accepts tells whether a value is one of those allowed.
func (p parameter) accepts(value string) bool {
	switch {
	case p.allowed == "":
		return true
	case p.kind == "integer":
		return p.acceptsNumber(value)
	case p.kind == "list":
		return !slices.ContainsFunc(strings.Split(value, ","), func(v string) bool {
			return !slices.Contains(strings.Split(p.allowed, ","), strings.TrimSpace(v))
		})
	}
	return slices.Contains(strings.Split(p.allowed, ","), value)
}

// acceptsNumber reads a range such as "-1-600"; formulas are taken as they are.
func (p parameter) acceptsNumber(value string) bool {
	if strings.ContainsAny(value, "{(") {
		return true
	}
	dash := strings.IndexByte(p.allowed[1:], '-') + 1
	low, errLow := strconv.Atoi(p.allowed[:dash])
	high, errHigh := strconv.Atoi(p.allowed[dash+1:])
	n, err := strconv.Atoi(value)
	return errLow == nil && errHigh == nil && err == nil && n >= low && n <= high
}
