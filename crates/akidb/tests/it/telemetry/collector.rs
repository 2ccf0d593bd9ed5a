//! A collector of traces that keeps what it is sent.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// Listens until the test ends.
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    requests: Requests,
}

type Requests = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

struct Receiver(Requests);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Requests::default();
        let service = TraceServiceServer::new(Receiver(Arc::clone(&requests)));
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, requests }
    }

    /// The attributes of what sent the spans.
    pub(super) fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.requests.lock().unwrap();
        let resource = requests[0].resource_spans[0].resource.clone().unwrap();
        resource.attributes.into_iter().map(|it| (it.key, text(it.value.unwrap().value))).collect()
    }

    /// The spans of a trace.
    pub(super) fn trace(&self, trace_id: &str) -> Trace {
        let requests = self.requests.lock().unwrap();
        let scopes = requests.iter().flat_map(|it| &it.resource_spans);
        let spans = scopes.flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans);
        let mut spans: Vec<_> =
            spans.filter(|span| hex(&span.trace_id) == trace_id).cloned().collect();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        Trace { spans }
    }
}

/// The spans of one trace, in the order in which they began.
pub(super) struct Trace {
    pub(super) spans: Vec<Span>,
}

impl Trace {
    /// The names of the spans below one, each with two more spaces before it than its parent has.
    pub(super) fn tree_below(&self, parent_id: &str) -> String {
        self.lines_below(parent_id, 0).join("\n")
    }

    fn lines_below(&self, parent_id: &str, depth: usize) -> Vec<String> {
        let children = self.spans.iter().filter(|span| hex(&span.parent_span_id) == parent_id);
        let lines = children.flat_map(|span| {
            let line = format!("{}{}", "  ".repeat(depth), span.name);
            [line].into_iter().chain(self.lines_below(&hex(&span.span_id), depth + 1))
        });
        lines.collect()
    }

    /// The first span of a name.
    pub(super) fn named(&self, name: &str) -> &Span {
        self.spans.iter().find(|span| span.name == name).unwrap()
    }
}

/// An attribute of a span as text.
pub(super) fn attribute(span: &Span, key: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(text(attribute.value.clone()?.value))
}

fn text(value: Option<Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
