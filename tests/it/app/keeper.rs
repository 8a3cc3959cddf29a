//! The folder of a run of the tests, and the process that removes it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Everything of this run lies here.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(folder);

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("medilink-it-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    make_folder(&folder);
    start_keeper(&folder);
    folder
}

/// PostgreSQL runs as a lesser user where we are root, and must be able to pass.
pub fn make_folder(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(folder).expect("a folder can be made");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).expect("a folder can be opened up");
}

/// Starts the process that cleans up when our end of its standard input closes: at our exit, whatever ended us.
fn start_keeper(folder: &Path) {
    const SCRIPT: &str = r#"
        trap '' INT TERM HUP
        cat > /dev/null
        for file in "$0"/app*/pid; do
            [ -f "$file" ] && kill -9 "$(cat "$file")"
        done
        for file in "$0"/cluster/postgres/postmaster.pid "$0"/app*/data/postgres/postmaster.pid; do
            [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")"
        done
        for attempt in 1 2 3 4 5 6 7 8 9 10; do
            rm -rf "$0" && exit
            sleep 0.3
        done
    "#;
    let mut command = Command::new("sh");
    command.arg("-c").arg(SCRIPT).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut keeper = command.spawn().expect("sh is there");
    let mut pipe = keeper.stdin.take().expect("its input is a pipe");
    pipe.flush().expect("the keeper listens");
    // Neither is ever given up: only the end of this process closes the pipe.
    std::mem::forget(pipe);
    std::mem::forget(keeper);
}
