//! What clients sent and heard, as they wrote it down themselves. Identifiers of payments are written `tenant/transaction id` throughout, as
//! keys of messages are.

use fraudnet_scoring::wire::LabelRequest;
use hyper::body::Bytes;
use std::collections::HashMap;

/// The clients' own record.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every distinct body that came with status 200 as the verdict on a payment, by its id.
    pub replies: HashMap<String, Vec<Bytes>>,
    /// Replies counted, repeats included.
    pub replied: u64,
    /// Messages whose delivery was acknowledged: topic without prefix, offset, and a digest of the value.
    pub delivered: Vec<(&'static str, i64, [u8; 32])>,
    /// Labels that were accepted over HTTP, with their tenant.
    pub labels: Vec<(String, LabelRequest)>,
    /// Payments and labels that were refused for good although nothing is wrong with them, and in which words.
    pub refused: Vec<(String, String)>,
    /// Payments that nobody answered within the client's patience; their verdicts are still expected if they arrived.
    pub unanswered: Vec<String>,
}

impl Record {
    /// Writes down a verdict that was replied.
    pub fn reply(&mut self, id: String, body: Bytes) {
        self.replied += 1;
        let bodies = self.replies.entry(id).or_default();
        if !bodies.contains(&body) {
            bodies.push(body);
        }
    }

    /// Writes down that a message was acknowledged.
    pub fn deliver(&mut self, topic: &'static str, offset: i64, value: &[u8]) {
        self.delivered.push((topic, offset, *blake3::hash(value).as_bytes()));
    }

    /// Adds what another client wrote down.
    pub fn merge(&mut self, other: Record) {
        for (id, bodies) in other.replies {
            for body in bodies {
                let own = self.replies.entry(id.clone()).or_default();
                if !own.contains(&body) {
                    own.push(body);
                }
            }
        }
        self.replied += other.replied;
        self.delivered.extend(other.delivered);
        self.labels.extend(other.labels);
        self.refused.extend(other.refused);
        self.unanswered.extend(other.unanswered);
    }
}
