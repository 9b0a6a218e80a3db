//! Spans in the form in which OTLP takes them: `ExportTraceServiceRequest` of opentelemetry-proto 1.x, in Protocol Buffers.
//! Tests read it with the types that are generated from the definition.

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) trace: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Nanoseconds since 1970.
    pub(super) start: u64,
    /// Nanoseconds since 1970.
    pub(super) end: u64,
    pub(super) attributes: Vec<(&'static str, Value)>,
    /// Whether what it stands for failed on our side.
    pub(super) failed: bool,
}

/// `Span.SpanKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
}

/// `AnyValue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// All spans of one message, of a service that is described by `resource`.
pub(super) fn encode(resource: &[(&'static str, Value)], spans: &[Span]) -> Vec<u8> {
    let mut message = Message::default();
    // ExportTraceServiceRequest.resource_spans
    message.nested(1, |resource_spans| {
        // ResourceSpans.resource
        resource_spans.nested(1, |described| attributes(described, 1, resource));
        // ResourceSpans.scope_spans
        resource_spans.nested(2, |scope_spans| {
            // ScopeSpans.scope, whose first field is its name
            scope_spans.nested(1, |scope| scope.bytes(1, b"portcullis"));
            for span in spans {
                // ScopeSpans.spans
                scope_spans.nested(2, |message| span.encode(message));
            }
        });
    });
    message.0
}

impl Span {
    fn encode(&self, message: &mut Message) {
        message.bytes(1, &self.trace);
        message.bytes(2, &self.id);
        if let Some(parent) = &self.parent {
            message.bytes(4, parent);
        }
        message.bytes(5, self.name.as_bytes());
        message.number(6, self.kind as u64);
        message.fixed(7, self.start);
        message.fixed(8, self.end);
        attributes(message, 9, &self.attributes);
        if self.failed {
            // Status.code: STATUS_CODE_ERROR
            message.nested(15, |status| status.number(3, 2));
        }
    }
}

fn attributes(message: &mut Message, field: u32, all: &[(&'static str, Value)]) {
    for (name, value) in all {
        message.nested(field, |pair| {
            pair.bytes(1, name.as_bytes());
            pair.nested(2, |any| match value {
                Value::Text(text) => any.bytes(1, text.as_bytes()),
                Value::Number(number) => any.number(3, number.cast_unsigned()),
            });
        });
    }
}

/// A message of Protocol Buffers that is being written: fields with their number and one of three wire types.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.0.push(low & 0x7f);
            }
            self.0.push(low | 0x80);
        }
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    fn number(&mut self, field: u32, number: u64) {
        self.tag(field, 0);
        self.varint(number);
    }

    fn fixed(&mut self, field: u32, number: u64) {
        self.tag(field, 1);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.0);
    }
}
