//! The configuration of the private cluster: durable, local only, sized by the machine's memory, silent about patients.

use std::path::Path;

const MIB: u64 = 1 << 20;
/// Connections that the cluster takes.
pub const CONNECTIONS_MAX: usize = 200;

/// Returns the text of our configuration file.
///
/// Everything that would log statements, values or rows is off: they hold patients' data.
pub fn text(socket_dir: &Path, memory_bytes: u64) -> String {
    // A quarter of the memory is PostgreSQL's own advice; beyond 512 MB the system's page cache does as well, and
    // whoever has a larger hospital runs a database of their own.
    let shared_buffers = (memory_bytes / 4 / MIB).clamp(64, 512);
    let effective_cache_size = (memory_bytes / 2 / MIB).max(256);
    let maintenance_work_mem = (memory_bytes / 16 / MIB).clamp(32, 256);
    format!(
        "# Written at every start. Put settings of your own into local.conf beside this file.\n\
         listen_addresses = ''\n\
         unix_socket_directories = '{socket}'\n\
         unix_socket_permissions = 0700\n\
         port = 5432\n\
         cluster_name = 'medilink'\n\
         max_connections = {CONNECTIONS_MAX}\n\
         fsync = on\n\
         full_page_writes = on\n\
         synchronous_commit = on\n\
         shared_buffers = {shared_buffers}MB\n\
         effective_cache_size = {effective_cache_size}MB\n\
         maintenance_work_mem = {maintenance_work_mem}MB\n\
         work_mem = 16MB\n\
         wal_compression = on\n\
         wal_buffers = 16MB\n\
         min_wal_size = 256MB\n\
         max_wal_size = 4GB\n\
         checkpoint_timeout = 15min\n\
         checkpoint_completion_target = 0.9\n\
         random_page_cost = 1.1\n\
         jit = off\n\
         timezone = 'UTC'\n\
         logging_collector = on\n\
         log_directory = 'log'\n\
         log_filename = 'postgresql-%a.log'\n\
         log_truncate_on_rotation = on\n\
         log_rotation_size = 0\n\
         log_timezone = 'UTC'\n\
         log_statement = 'none'\n\
         log_min_error_statement = panic\n\
         log_min_duration_statement = -1\n\
         log_error_verbosity = terse\n\
         log_parameter_max_length = 0\n\
         log_parameter_max_length_on_error = 0\n\
         include_if_exists = 'local.conf'\n",
        socket = socket_dir.display().to_string().replace('\'', "''")
    )
}

/// Returns the memory this process may use: the machine's or its control group's, whichever is less.
pub fn memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    [machine, group].into_iter().flatten().min().unwrap_or(1024 * MIB)
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_out_within_bounds() {
        let cases = [(64 * MIB, "64MB"), (1024 * MIB, "256MB"), (4096 * MIB, "512MB"), (65_536 * MIB, "512MB")];
        for (memory, expected) in cases {
            let text = text(Path::new("/s"), memory);
            assert!(text.contains(&format!("shared_buffers = {expected}\n")), "{memory}: {text}");
        }
    }

    #[test]
    fn memory_is_read_from_meminfo() {
        assert_eq!(total_of("MemTotal:       24683520 kB\nMemFree: 1 kB\n"), Some(24_683_520 * 1024));
        assert_eq!(total_of("nothing"), None);
    }

    #[test]
    fn a_quote_in_the_socket_folder_is_doubled() {
        assert!(text(Path::new("/o'b"), MIB).contains("unix_socket_directories = '/o''b'\n"));
    }
}
