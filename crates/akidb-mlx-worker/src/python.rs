//! Starting Python inside this process as if a certain interpreter had been started.

#![expect(unsafe_code, reason = "Python is configured through structures of its C interface")]

use std::{
    ffi::{CStr, CString},
    mem::MaybeUninit,
};

use pyo3::ffi;

/// The version that the worker is linked with, such as `3.11.2`; known before Python has started.
pub(crate) fn version() -> String {
    // SAFETY: may be called at any time; the text is static.
    let text = unsafe { CStr::from_ptr(ffi::Py_GetVersion()) };
    let text = text.to_string_lossy();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Starts Python with the packages of the interpreter `executable`, which may be that of a virtual
/// environment, and lets go of its lock.
///
/// Variables of the environment and the packages of the user's home do not count: what is imported
/// follows from the configuration alone. Signals stay as they are.
pub(crate) fn start(executable: &str) -> Result<(), String> {
    let executable = CString::new(executable).map_err(|_| "its path holds a NUL".to_owned())?;
    let mut config = MaybeUninit::<ffi::PyConfig>::zeroed();
    // SAFETY: the address is that of a whole `PyConfig`, which the call fills.
    unsafe { ffi::PyConfig_InitPythonConfig(config.as_mut_ptr()) };
    // SAFETY: the call before has filled it.
    let mut config = unsafe { config.assume_init() };
    config.parse_argv = 0;
    config.use_environment = 0;
    config.user_site_directory = 0;
    config.install_signal_handlers = 0;
    // What is printed is in the node's log at once.
    config.buffered_stdio = 0;
    #[cfg(Py_3_11)]
    {
        config.safe_path = 1;
    }
    let started = fill_and_start(&mut config, &executable);
    // SAFETY: it was initialized above and is not used any more.
    unsafe { ffi::PyConfig_Clear(&raw mut config) };
    started?;
    // SAFETY: this thread has the lock since Python has started. The state that comes back is that
    // of this thread, which finds it again by itself.
    unsafe { ffi::PyEval_SaveThread() };
    Ok(())
}

fn fill_and_start(config: &mut ffi::PyConfig, executable: &CString) -> Result<(), String> {
    let config: *mut ffi::PyConfig = config;
    // SAFETY: `config` is initialized, the places are its own, the text ends with a NUL.
    unsafe {
        let place = &raw mut (*config).executable;
        check(ffi::PyConfig_SetBytesString(config, place, executable.as_ptr()))?;
        let place = &raw mut (*config).program_name;
        check(ffi::PyConfig_SetBytesString(config, place, executable.as_ptr()))?;
        check(ffi::Py_InitializeFromConfig(config))
    }
}

/// Python's own words for what went wrong.
fn check(status: ffi::PyStatus) -> Result<(), String> {
    // SAFETY: the status comes from a call above.
    if unsafe { ffi::PyStatus_Exception(status) } == 0 {
        return Ok(());
    }
    if status.err_msg.is_null() {
        return Err("Python gave no reason".to_owned());
    }
    // SAFETY: it is not null, and Python's messages are static.
    Err(unsafe { CStr::from_ptr(status.err_msg) }.to_string_lossy().into_owned())
}
