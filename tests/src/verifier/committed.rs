//! The topics as a `read_committed` reader gets them.

use crate::cluster::{Message, Topics};

/// Every topic that the verifier reads, each in the order of its offsets.
#[derive(Debug, Clone, Default)]
pub struct Committed {
    /// Payments and outcomes.
    pub transactions: Vec<Message>,
    /// Labels.
    pub labels: Vec<Message>,
    /// Verdicts.
    pub verdicts: Vec<Message>,
    /// Cases opened.
    pub reviews: Vec<Message>,
    /// Training examples.
    pub examples: Vec<Message>,
    /// What could not be taken.
    pub dead_letters: Vec<Message>,
}

impl Committed {
    /// Reads on from what was read before to the end of every topic as of now. Blocks.
    ///
    /// # Panics
    /// Where a topic cannot be read.
    pub fn read_on(&mut self, topics: &Topics) {
        let parts = [
            ("transactions", &mut self.transactions),
            ("labels", &mut self.labels),
            ("verdicts", &mut self.verdicts),
            ("reviews", &mut self.reviews),
            ("training-examples", &mut self.examples),
            ("dead-letters", &mut self.dead_letters),
        ];
        for (name, messages) in parts {
            let next = messages.last().map_or(0, |last| last.offset + 1);
            messages.extend(topics.read_from(name, next));
        }
    }
}
