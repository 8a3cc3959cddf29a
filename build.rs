//! Puts the definitions of `profiles/` and `search-params/` into the binary, so that the server runs standalone.
//!
//! Writes two lists of (path, text) that `src/catalog/source.rs` includes. Nothing is read or checked here: a bad
//! definition is a clear error when the catalog is loaded.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut code = String::new();
    for (name, folder) in [("PROFILES", "profiles"), ("SEARCH_PARAMS", "search-params")] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        collect(&root.join(folder), &mut files)?;
        files.sort();
        writeln!(code, "pub const {name}: &[(&str, &str)] = &[").expect("a string takes all");
        for file in files {
            let path = file.strip_prefix(&root).expect("it was found below the root");
            writeln!(code, "    ({path:?}, include_str!({file:?})),").expect("a string takes all");
        }
        code.push_str("];\n");
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("definitions.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    Ok(())
}
