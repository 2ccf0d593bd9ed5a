//! The MLX backend through a real node and real workers: with a module that fails when it is told
//! to, and with the real one.

mod faults;
mod missing;
mod process;
mod real_module;
mod setup;
