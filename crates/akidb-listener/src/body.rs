//! Bodies, watched: each part that moves counts as progress of the connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::{activity::Activity, panics::text_of, slots::Slot};

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    activity: Arc<Activity>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, activity: Arc<Activity>) -> Self {
        Self { incoming, activity }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        if polled.is_ready() {
            self.activity.progressed();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// As an extension of a response: how long its client may take nothing of it, where that is longer
/// than [`crate::ListenerOptions::reply_idle_timeout`].
#[derive(Clone, Copy, Debug)]
pub struct ReplyPatience(pub Duration);

/// A request that is being answered, from its head to the end of its reply.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Arc<Activity>,
    /// A place of a client behind a proxy.
    _slot: Option<Slot>,
    /// Whether the client is to ask for the next part of the reply.
    is_owed: bool,
}

impl InFlight {
    pub(crate) fn starting_now(activity: Arc<Activity>, slot: Option<Slot>) -> Self {
        activity.request_began();
        Self { activity, _slot: slot, is_owed: false }
    }

    fn owes(&mut self, owes: bool) {
        match (self.is_owed, owes) {
            (false, true) => self.activity.owes(),
            (true, false) => self.activity.paid(),
            _ => {}
        }
        self.is_owed = owes;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.owes(false);
        self.activity.request_ended();
    }
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) struct ReplyBody<B> {
    body: B,
    request: InFlight,
}

impl<B> ReplyBody<B> {
    pub(crate) fn new(body: B, request: InFlight) -> Self {
        Self { body, request }
    }
}

/// Why a reply broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenReply {
    #[error("a reply panicked")]
    Panic,
    #[error("a reply broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl<B> Body for ReplyBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
{
    type Data = Bytes;
    type Error = BrokenReply;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenReply>>> {
        let Self { body, request } = &mut *self;
        request.owes(false);
        // A panic would end all requests of the connection.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context)));
        let polled = match polled {
            Ok(polled) => polled,
            Err(panic) => {
                tracing::error!(panic = text_of(panic.as_ref()), "a reply panicked");
                return Poll::Ready(Some(Err(BrokenReply::Panic)));
            }
        };
        request.owes(matches!(polled, Poll::Ready(Some(Ok(_)))));
        polled.map_err(|error| BrokenReply::Body(error.into()))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
