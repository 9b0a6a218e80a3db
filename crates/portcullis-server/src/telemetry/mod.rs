//! Traces for an OTLP receiver: a span for each request, and for the password hashes and database acts within it.
//!
//! Requests never wait for any of this. A span that ends is put into a bounded queue or, if that is full, dropped and counted.
//! A thread of its own takes them out, encodes them (`otlp.rs`) and posts them (`post.rs`); what cannot be posted is dropped
//! and counted (decision 0121).

mod export;
mod layer;
mod otlp;
mod post;

pub(crate) use self::{export::Exporter, layer::SpanLayer};
