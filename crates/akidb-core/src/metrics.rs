//! Metrics as a table.

/// Declares a struct of Prometheus metrics, each a line with its type, its labels and buckets where it has
/// them, its name and its help, and a `register` that makes all of them. The struct's fields are the
/// collectors of the crate `prometheus`, on which whoever uses the macro depends.
///
/// ```text
/// metrics! {
///     /// What a cache reports.
///     pub struct CacheMetrics {
///         hits: IntCounterVec by ["cache"], "cache_hits_total", "Entries that were found.";
///         seconds: Histogram within exponential_buckets(0.001, 2.0, 8)?, "cache_seconds", "Time of a look.";
///     }
/// }
/// ```
#[macro_export]
macro_rules! metrics {
    (@make $kind:ident [] [] $name:literal $help:literal) => {
        ::prometheus::$kind::new($name, $help)?
    };
    (@make $kind:ident [$($label:literal)+] [] $name:literal $help:literal) => {
        ::prometheus::$kind::new(::prometheus::Opts::new($name, $help), &[$($label),+])?
    };
    (@make $kind:ident [] [$buckets:expr] $name:literal $help:literal) => {
        ::prometheus::$kind::with_opts(
            ::prometheus::HistogramOpts::new($name, $help).buckets(Vec::from($buckets)),
        )?
    };
    (@make $kind:ident [$($label:literal)+] [$buckets:expr] $name:literal $help:literal) => {
        ::prometheus::$kind::new(
            ::prometheus::HistogramOpts::new($name, $help).buckets(Vec::from($buckets)),
            &[$($label),+],
        )?
    };
    ($(#[$meta:meta])* $visible:vis struct $table:ident {
        $($field_visible:vis $field:ident: $kind:ident
            $(by [$($label:literal),+])? $(within $buckets:expr)?, $name:literal, $help:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visible struct $table {
            $(#[doc = $help] $field_visible $field: ::prometheus::$kind,)+
        }

        impl $table {
            /// Makes the metrics and registers them; clones share them.
            ///
            /// # Errors
            /// When a metric of one of the names is registered already.
            $visible fn register(registry: &::prometheus::Registry) -> ::prometheus::Result<Self> {
                let table = Self {
                    $($field: $crate::metrics!(
                        @make $kind [$($($label)+)?] [$($buckets)?] $name $help
                    ),)+
                };
                $(registry.register(Box::new(table.$field.clone()))?;)+
                Ok(table)
            }
        }
    };
}
