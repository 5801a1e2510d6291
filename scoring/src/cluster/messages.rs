//! What the scorer writes: the messages of one settled item.

use super::kafka::headers::{MessageKind, TRANSACTION_OFFSET, cloud_event_headers, put};
use super::kafka::{self, Outgoing, Topic};
use super::rejected::Rejected;
use super::undecided::{Item, UndecidedPayment};
use crate::engine::Evidence;
use crate::example::{self, ExampleHead};
use crate::trace_context::{TraceContext, join};
use crate::verdict::Verdict;
use crate::{clock, reviews};
use std::sync::Arc;
use tracing::Span;

/// Who writes, as CloudEvents' `source`.
const SOURCE: &str = "/fraudnet/scorer";

/// What settles an item.
pub(crate) struct Outcome {
    /// Messages, all of them committed or none.
    pub(crate) messages: Vec<Outgoing>,
    /// The verdict's bytes, where the item is a payment.
    pub(crate) verdict: Option<Arc<[u8]>>,
}

/// The span in which a payment is decided: part of the trace that its message carries.
pub(crate) fn span(payment: &UndecidedPayment) -> Span {
    tracing::info_span!(
        "decide",
        otel.kind = "consumer",
        trace_id = tracing::field::Empty,
        transaction_id = %payment.transaction_id,
    )
}

/// Joins the span to the trace of the payment's message; what goes on from there.
fn trace(payment: &UndecidedPayment, span: &Span) -> Option<TraceContext> {
    let context = join(span, Some(payment.trace?));
    span.record("trace_id", context.trace_id());
    Some(context)
}

/// The messages of a verdict: itself, the case it opens, the example it makes.
pub(crate) fn verdict(
    payment: &UndecidedPayment,
    item: &Item,
    verdict: &Verdict,
    evidence: &Evidence,
    example_share: f64,
    span: &Span,
) -> Outcome {
    let traceparent = trace(payment, span).map(TraceContext::header);
    let now_ms = clock::now_ms();
    let key = format!("{}/{}", payment.tenant, payment.transaction_id).into_bytes();
    let message = |topic, kind, id: &str, payload: Arc<[u8]>| Outgoing {
        topic,
        key: key.clone(),
        payload,
        headers: cloud_event_headers(
            kind,
            id,
            SOURCE,
            now_ms,
            &payment.transaction_id,
            &payment.tenant,
            traceparent.as_deref(),
        ),
    };
    let body: Arc<[u8]> = serde_json::to_vec(verdict)
        .expect("a verdict is plain data with finite numbers, which always has a JSON form")
        .into();
    let mut told = message(Topic::Verdicts, MessageKind::Verdict, &verdict.decision_id, Arc::clone(&body));
    put(&mut told.headers, TRANSACTION_OFFSET, item.offset.to_string());
    let mut messages = vec![told];
    if let Some(review) = reviews::opened(&evidence.event, verdict, now_ms) {
        messages.push(message(Topic::Reviews, MessageKind::Review, &review.event_id, reviews::encode(&review).into()));
    }
    if let Some(inclusion_probability) =
        example::keep(&payment.tenant, &payment.transaction_id, verdict.decision, example_share)
    {
        let head = ExampleHead::new(&payment.tenant, payment.occurred_at_ms, verdict, inclusion_probability);
        let encoded = example::encode(&head, evidence.tensor());
        let kind = MessageKind::TrainingExample;
        let mut message = message(Topic::TrainingExamples, kind, &verdict.decision_id, encoded.into());
        put(&mut message.headers, "content-type", example::CONTENT_TYPE);
        messages.push(message);
    }
    Outcome { messages, verdict: Some(body) }
}

/// The dead letter of a message that cannot be taken.
pub(crate) fn dead_letter(rejected: &Rejected, topic_prefix: &str) -> Outcome {
    let Rejected { message, reason, text } = rejected;
    let letter = kafka::dead_letter::dead_letter(message, topic_prefix, SOURCE, clock::now_ms(), *reason, text);
    Outcome { messages: vec![letter], verdict: None }
}
