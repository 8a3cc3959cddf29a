//! Who runs PostgreSQL (never root) and whether that user can reach the data folder.

use std::fs::{self, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{EmbeddedError, FALLBACK_DATA_DIR, io_error};

/// An unprivileged user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// Returns the absolute data folder, created, and the user to run PostgreSQL as, where that is not ourselves.
///
/// A cluster that is there already is run by its owner. `./data`, the default, gives way to [`FALLBACK_DATA_DIR`]
/// where the lesser user cannot reach it; a folder that somebody chose does not.
pub fn settle(data_dir: &Path) -> Result<(PathBuf, Option<Account>), EmbeddedError> {
    let wanted = std::path::absolute(data_dir).map_err(io_error("find the working folder"))?;
    let euid = rustix::process::geteuid();
    if !euid.is_root() {
        let made = create(&wanted, 0o700)?;
        match fs::metadata(made.join("postgres")) {
            Ok(found) if found.uid() != euid.as_raw() => {
                Err(EmbeddedError::Foreign { path: made.join("postgres").display().to_string(), owner: found.uid() })
            }
            _ => Ok((made, None)),
        }
    } else {
        settle_as_root(wanted, data_dir == Path::new("./data") || data_dir == Path::new("data"))
    }
}

fn settle_as_root(wanted: PathBuf, is_default: bool) -> Result<(PathBuf, Option<Account>), EmbeddedError> {
    let account = account_for(&wanted)?;
    if is_reachable(&wanted, &account)? {
        return Ok((create(&wanted, 0o711)?, Some(account)));
    }
    let fallback = Path::new(FALLBACK_DATA_DIR);
    let other = account_for(fallback)?;
    if !is_default || !is_reachable(fallback, &other)? {
        return Err(EmbeddedError::Unreachable { path: wanted.display().to_string(), user: account.name });
    }
    tracing::warn!(
        "{} cannot be reached by the user `{}`, as which PostgreSQL must run since root is refused: using {} instead",
        wanted.display(),
        account.name,
        fallback.display()
    );
    Ok((create(fallback, 0o711)?, Some(other)))
}

fn account_for(data_dir: &Path) -> Result<Account, EmbeddedError> {
    if let Ok(found) = fs::metadata(data_dir.join("postgres"))
        && found.uid() != 0
    {
        return Ok(Account { name: format!("id {}", found.uid()), uid: found.uid(), gid: found.gid() });
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(io_error("read /etc/passwd"))?;
    ["postgres", "nobody"].iter().find_map(|name| lookup(&passwd, name)).ok_or(EmbeddedError::NoAccount)
}

/// Returns the entry of a passwd(5) text, unless it is root by another name.
fn lookup(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (uid != 0).then(|| Account { name: name.to_string(), uid, gid })
}

/// Tells whether `account` may pass every folder that already exists on the way to `dir`, and `dir` itself.
fn is_reachable(dir: &Path, account: &Account) -> Result<bool, EmbeddedError> {
    for folder in dir.ancestors() {
        match fs::metadata(folder) {
            Ok(found) if !may_enter(&found, account) => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(format!("look at {}", folder.display()))(error)),
        }
    }
    Ok(true)
}

fn may_enter(found: &Metadata, account: &Account) -> bool {
    enter_bit(found.mode(), found.uid() == account.uid, found.gid() == account.gid)
}

/// The owner is judged by the owner's bit alone, even where others have more rights.
fn enter_bit(mode: u32, is_owner: bool, is_group: bool) -> bool {
    let bit = if is_owner {
        0o100
    } else if is_group {
        0o010
    } else {
        0o001
    };
    mode & bit != 0
}

/// Creates `dir` and its missing parents with `mode`, whatever the umask, and returns it without symbolic links.
fn create(dir: &Path, mode: u32) -> Result<PathBuf, EmbeddedError> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.iter().rev() {
        let action = || format!("create {}", folder.display());
        match fs::DirBuilder::new().mode(mode).create(folder) {
            Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(io_error(action()))?,
            // Another server was quicker.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error(action())(error)),
        }
    }
    dir.canonicalize().map_err(io_error(format!("find {}", dir.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_passwd_but_never_root() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n\
                      toor:x:0:0::/:/bin/sh\nbroken:x\n";
        let postgres = Account { name: "postgres".to_string(), uid: 101, gid: 104 };
        let cases = [("postgres", Some(postgres)), ("toor", None), ("broken", None), ("nobody", None)];
        for (name, expected) in cases {
            assert_eq!(lookup(passwd, name), expected, "{name}");
        }
    }

    #[test]
    fn a_folder_is_entered_by_the_bit_of_the_nearest_class() {
        let cases = [
            (0o755, false, false, true),
            (0o700, false, false, false),
            (0o700, true, false, true),
            (0o750, false, true, true),
            (0o077, true, true, false),
            (0o701, false, true, false),
            (0o711, false, false, true),
        ];
        for (mode, is_owner, is_group, expected) in cases {
            assert_eq!(enter_bit(mode, is_owner, is_group), expected, "{mode:o} {is_owner} {is_group}");
        }
    }
}
