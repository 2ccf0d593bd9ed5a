//! mlx
pub mod protocol;
