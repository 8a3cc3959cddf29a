//! Makes what an instance needs on disk: folders, the cluster and its settings.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::instance::Instance;
use super::{EmbeddedError, account, io_error, open_lock, programs, settings};

/// A Unix socket's address holds 107 bytes; the file name takes 14 of them.
const SOCKET_DIR_BYTES_MAX: usize = 90;

/// An instance with everything on disk in place, not started yet.
pub struct Prepared {
    pub instance: Instance,
    /// Held shared as long as we use the cluster.
    pub users: File,
    /// Held alone until it is up.
    pub starting: File,
}

/// Makes folders and, the first time, the cluster.
pub fn prepare(data_dir: &Path) -> Result<Prepared, EmbeddedError> {
    let (data_dir, account) = account::settle(data_dir)?;
    let cluster = data_dir.join("postgres");
    let socket_dir = socket_dir(&data_dir);
    let programs = programs::find(&cluster)?;
    let child = Mutex::new(None);
    let instance =
        Instance { data_dir, cluster, socket_dir, programs, account, child, dismissed: AtomicBool::new(false) };
    let starting = instance.lock_start()?;
    let users = open_lock(&instance.data_dir.join("postgres-users.lock"))?;
    users.lock_shared().map_err(io_error("share the private cluster"))?;
    instance.make_socket_dir()?;
    if !instance.cluster.join("PG_VERSION").exists() {
        instance.make_cluster()?;
    }
    Ok(Prepared { instance, users, starting })
}

impl Instance {
    fn make_socket_dir(&self) -> Result<(), EmbeddedError> {
        let shown = self.socket_dir.display().to_string();
        match fs::DirBuilder::new().mode(0o700).create(&self.socket_dir) {
            Ok(()) => self.give(&self.socket_dir)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error(format!("create {shown}"))(error)),
        }
        // Below /tmp somebody else might have been there first, so what is found is looked at, never trusted.
        let found = fs::symlink_metadata(&self.socket_dir).map_err(io_error(format!("look at {shown}")))?;
        if !found.is_dir() || found.uid() != self.uid() {
            return Err(EmbeddedError::Foreign { path: shown, owner: found.uid() });
        }
        fs::set_permissions(&self.socket_dir, fs::Permissions::from_mode(0o700))
            .map_err(io_error(format!("protect {shown}")))
    }

    /// Makes the cluster beside its place and moves it there when whole: an interrupted start leaves none that is half.
    fn make_cluster(&self) -> Result<(), EmbeddedError> {
        let shown = self.cluster.display().to_string();
        let occupied = fs::read_dir(&self.cluster).is_ok_and(|mut entries| entries.next().is_some());
        if occupied || self.cluster.is_file() {
            return Err(EmbeddedError::NotACluster(shown));
        }
        tracing::info!("making a private PostgreSQL cluster in {shown}");
        let making = self.data_dir.join("postgres.new");
        self.initdb(&making, "C.UTF-8").or_else(|error| match &error {
            // Not every system has the locale; C sorts the same way.
            EmbeddedError::Program { output, .. } if output.contains("locale") => self.initdb(&making, "C"),
            _ => Err(error),
        })?;
        let main = making.join("postgresql.conf");
        let mut text = fs::read_to_string(&main).map_err(io_error("read postgresql.conf"))?;
        text.push_str("\ninclude_if_exists = 'medilink.conf'\n");
        fs::write(&main, text).map_err(io_error("write postgresql.conf"))?;
        fs::rename(&making, &self.cluster).map_err(io_error(format!("move the new cluster to {shown}")))?;
        let parent = File::open(&self.data_dir).and_then(|folder| folder.sync_all());
        parent.map_err(io_error("make the new cluster durable"))
    }

    fn initdb(&self, making: &Path, locale: &str) -> Result<(), EmbeddedError> {
        if making.exists() {
            fs::remove_dir_all(making).map_err(io_error("remove an unfinished cluster"))?;
        }
        fs::DirBuilder::new().mode(0o700).create(making).map_err(io_error(format!("create {}", making.display())))?;
        self.give(making)?;
        let mut command = self.command("initdb");
        command.arg("-D").arg(making).args(["-U", "medilink", "--encoding=UTF8", "--data-checksums"]);
        command.arg(format!("--locale={locale}")).args(["--auth-local=trust", "--auth-host=reject"]);
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(io_error(format!("run {}/initdb", self.programs.display())))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
        Err(EmbeddedError::Program { program: "initdb".to_string(), output: said })
    }

    pub(super) fn write_settings(&self) -> Result<(), EmbeddedError> {
        let path = self.cluster.join("medilink.conf");
        let text = settings::text(&self.socket_dir, settings::memory_bytes());
        fs::write(&path, text).map_err(io_error(format!("write {}", path.display())))?;
        self.give(&path)
    }

    fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        let Some(account) = &self.account else { return Ok(()) };
        chown(path, Some(account.uid), Some(account.gid)).map_err(io_error(format!(
            "give {} to {}",
            path.display(),
            account.name
        )))
    }

    fn uid(&self) -> u32 {
        self.account.as_ref().map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid)
    }
}

/// Returns `socket/` below the data folder, or a name below /tmp made from it where that would be too long.
fn socket_dir(data_dir: &Path) -> PathBuf {
    let near = data_dir.join("socket");
    if near.as_os_str().len() <= SOCKET_DIR_BYTES_MAX {
        return near;
    }
    // FNV-1a: the same folder must give the same name in every process and version.
    let hash =
        data_dir.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    PathBuf::from(format!("/tmp/medilink-{hash:016x}"))
}
