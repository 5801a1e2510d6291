//! What the log of a stopped service holds, read past the service.

use fraudnet_features::State;
use fraudnet_graph::Body;
use fraudnet_scoring::log::{LogReader, Record};
use fraudnet_scoring::{config, wire};
use fraudnet_tests::Folder;
use std::collections::BTreeMap;

/// The log, folded once more by this test.
pub struct Journal {
    /// By transaction id: how many payments, and the bytes of every verdict.
    pub transactions: BTreeMap<String, (usize, Vec<Vec<u8>>)>,
    /// Hash of graph and windows, in hex.
    pub state_hash: String,
    /// First position after the last entry.
    pub end: u64,
}

impl Journal {
    /// Reads the log of the folder's service, which must not run, and checks that positions have no gap.
    pub fn read(folder: &Folder) -> Journal {
        let limits = config::load(Some(&folder.join("config.toml"))).unwrap().service.limits;
        let log = LogReader::open(&folder.join("data")).unwrap();
        let mut state = State::new(limits);
        let mut transactions: BTreeMap<String, (usize, Vec<Vec<u8>>)> = BTreeMap::new();
        let mut ids = BTreeMap::new();
        let mut next = 0;
        loop {
            let entries = log.read_from(next, 1_000).unwrap();
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                assert_eq!(entry.position, next, "positions are dense");
                next += 1;
                match entry.record().unwrap() {
                    Record::Verdict { payment, body } => {
                        let id: &String = &ids[&payment];
                        transactions.get_mut(id).expect("a verdict follows its payment").1.push(body.to_vec());
                    }
                    record => {
                        let Some(event) = record.event() else { continue };
                        let event = wire::decode_event(event).unwrap();
                        state.apply(entry.position, &event);
                        if let Body::Payment(payment) = event.body {
                            ids.insert(entry.position, payment.transaction_id.clone());
                            transactions.entry(payment.transaction_id).or_default().0 += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(log.end(), next);
        let state_hash = state.state_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        Journal { transactions, state_hash, end: next }
    }

    /// Every payment stands in the log once and has exactly one verdict.
    pub fn assert_each_decided_once(&self) {
        for (id, (payments, verdicts)) in &self.transactions {
            assert_eq!((*payments, verdicts.len()), (1, 1), "payments and verdicts of {id}");
        }
    }
}
