//! Finds PostgreSQL's own programs, in the version that a cluster needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{EmbeddedError, io_error};

/// Returns the folder with `initdb` and `postgres`: the first on the way for a new cluster, else of its major version.
pub fn find(cluster: &Path) -> Result<PathBuf, EmbeddedError> {
    let folders = candidates();
    if folders.is_empty() {
        return Err(EmbeddedError::NoPrograms);
    }
    let Ok(made) = std::fs::read_to_string(cluster.join("PG_VERSION")) else {
        return Ok(folders[0].clone());
    };
    let made = made.trim();
    let mut found = Vec::new();
    for folder in folders {
        let version = major(&folder)?;
        if version == made {
            return Ok(folder);
        }
        found.push(version);
    }
    let (cluster, made, found) = (cluster.display().to_string(), made.to_string(), found.join(" and "));
    Err(EmbeddedError::OtherVersion { cluster, made, found })
}

fn candidates() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(debian());
    folders.push(PathBuf::from("/usr/local/pgsql/bin"));
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders
}

/// Returns Debian's version folders, the newest first.
fn debian() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))).collect()
}

fn major(folder: &Path) -> Result<String, EmbeddedError> {
    let program = folder.join("postgres");
    let output = Command::new(&program).arg("--version").output();
    let output = output.map_err(io_error(format!("run {}", program.display())))?;
    Ok(major_of(&String::from_utf8_lossy(&output.stdout)))
}

/// Returns `15` of `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn major_of(text: &str) -> String {
    let number = text.split_once(") ").map_or(text, |(_, rest)| rest);
    number.chars().take_while(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_the_program() {
        let cases = [
            ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n", "15"),
            ("postgres (PostgreSQL) 18beta1\n", "18"),
            ("something else", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(major_of(text), expected, "{text}");
        }
    }
}
