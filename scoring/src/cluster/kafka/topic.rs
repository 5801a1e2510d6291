//! The topics: their names, what each may hold, and how each is created.

/// A topic of the log. Each has exactly one partition: order is what the log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Payments and their outcomes, from anybody.
    Transactions,
    /// Labels: confirmed fraud, disputes, reviews' ends.
    Labels,
    /// One verdict for each payment, byte for byte as it was replied.
    Verdicts,
    /// Verdicts that a person must look at, and what people did with the cases they opened.
    Reviews,
    /// Tensors and scores for training.
    TrainingExamples,
    /// Control events: models, experiments, policies, lists.
    ModelEvents,
    /// Messages that could not be taken, as they came, with their origin and the reason.
    DeadLetters,
}

/// The partition of every topic.
pub const PARTITION: i32 = 0;

const MIB: usize = 1024 * 1024;

impl Topic {
    /// Every topic, in the order in which they are listed.
    pub const ALL: [Topic; 7] = [
        Topic::Transactions,
        Topic::Labels,
        Topic::Verdicts,
        Topic::Reviews,
        Topic::TrainingExamples,
        Topic::ModelEvents,
        Topic::DeadLetters,
    ];

    /// Its name without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Transactions => "transactions",
            Topic::Labels => "labels",
            Topic::Verdicts => "verdicts",
            Topic::Reviews => "reviews",
            Topic::TrainingExamples => "training-examples",
            Topic::ModelEvents => "model-events",
            Topic::DeadLetters => "dead-letters",
        }
    }

    /// Its name in the cluster, for instance `fraudnet.transactions`.
    pub fn full(self, prefix: &str) -> String {
        format!("{prefix}{}", self.name())
    }

    /// The topic of that full name.
    pub fn of(full: &str, prefix: &str) -> Option<Topic> {
        let name = full.strip_prefix(prefix)?;
        Topic::ALL.into_iter().find(|topic| topic.name() == name)
    }

    /// Least `max.message.bytes` that does its work. What anybody may write to takes far more than an event may have (64 KiB), so that
    /// an oversized message arrives and becomes a dead letter, instead of failing at its producer unseen by us; a dead letter has
    /// room for that message and for what we say about it.
    pub fn max_message_bytes(self) -> usize {
        match self {
            Topic::Transactions | Topic::Labels => 4 * MIB,
            Topic::DeadLetters => 5 * MIB,
            Topic::Verdicts | Topic::Reviews | Topic::TrainingExamples | Topic::ModelEvents => MIB,
        }
    }

    /// Whether it is part of the truth: kept without limit unless the operator says otherwise, since every replica can be rebuilt
    /// from it. The other topics follow the broker's default.
    pub fn kept_for_ever(self) -> bool {
        match self {
            Topic::Transactions
            | Topic::Labels
            | Topic::Verdicts
            | Topic::Reviews
            | Topic::DeadLetters
            | Topic::ModelEvents => true,
            Topic::TrainingExamples => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of(&topic.full("fraudnet."), "fraudnet."), Some(topic));
        }
        assert_eq!(Topic::of("fraudnet.other", "fraudnet."), None);
        assert_eq!(Topic::of("transactions", "fraudnet."), None);
        assert_eq!(Topic::Transactions.full("a.b."), "a.b.transactions");
    }

    #[test]
    fn a_dead_letter_has_room_for_whatever_arrived() {
        for topic in [Topic::Transactions, Topic::Labels] {
            assert!(Topic::DeadLetters.max_message_bytes() > topic.max_message_bytes() + 64 * 1024);
        }
    }
}
