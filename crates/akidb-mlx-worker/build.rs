//! Says where libpython lies, so that the worker starts wherever that is, and what to do where it
//! is nowhere.

#![expect(clippy::print_stderr, reason = "how a build script says why it fails")]

use std::{path::Path, process::exit};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    pyo3_build_config::use_pyo3_cfgs();
    let python = pyo3_build_config::get();
    let (Some(directory), Some(name)) = (python.lib_dir(), python.lib_name()) else { return };
    let ends = ["so", "dylib", "a", "tbd"];
    let is_there =
        ends.iter().any(|end| Path::new(directory).join(format!("lib{name}.{end}")).exists());
    if !is_there && python.python_framework_prefix().is_none() {
        let executable = python.executable().unwrap_or("python3");
        eprintln!(
            "{executable} has no lib{name} in {directory}, which a program that hosts Python is \
             linked with\nhint: install it (Debian: apt-get install libpython3-dev; pyenv: install \
             with PYTHON_CONFIGURE_OPTS=--enable-shared), or name another Python in PYO3_PYTHON"
        );
        exit(1);
    }
    pyo3_build_config::add_libpython_rpath_link_args();
    pyo3_build_config::add_python_framework_link_args();
}
