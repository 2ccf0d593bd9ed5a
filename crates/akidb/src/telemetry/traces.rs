//! Traces over OTLP: what sends spans to a collector, beside the requests and never in their way.
//!
//! Spans wait in a bounded queue, of which a thread sends a batch every few seconds; where the
//! collector is slow or gone, spans are dropped. What OpenTelemetry's own `OTEL_` variables say of
//! the queue (`OTEL_BSP_*`), of headers and of resource attributes holds.

use std::time::Duration;

use akidb_core::TRACE_TARGET;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_subscriber::{Layer, filter::filter_fn};

use super::Collector;
use crate::{
    failure::{ExitStatus, Failure, Result},
    settings::TracingSettings,
};

/// How long one batch may take to the collector.
const EXPORT_WITHIN: Duration = Duration::from_secs(5);
/// How long the end of the node waits for the last batch.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// What makes and sends spans.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Nothing where no endpoint is given. The collector need not be there yet.
    pub(super) fn start(settings: &TracingSettings) -> Result<Option<Self>> {
        let Some(endpoint) = settings.otlp_endpoint.as_ref() else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_WITHIN)
            .build();
        let exporter = exporter.map_err(|error| {
            let message = format!("traces can not be sent to {endpoint}: {error}");
            Failure::new(ExitStatus::CONFIGURATION, message)
        })?;
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        // The client of a traced request has decided already.
        let sampler =
            Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .with_sampler(sampler)
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes the spans of requests, and nothing else.
    pub(super) fn layer(&self) -> Collector {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("akidb"))
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|of| of.is_span() && of.target() == TRACE_TARGET))
            .boxed()
    }

    /// Sends what is left. A thread of its own waits, since the exporter needs the runtime's.
    pub(super) async fn finish(self) {
        let finish = move || self.provider.shutdown_with_timeout(FINISH_WITHIN);
        match tokio::task::spawn_blocking(finish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans could not be sent"),
            Err(error) => tracing::warn!(%error, "the last spans were not sent"),
        }
    }
}
