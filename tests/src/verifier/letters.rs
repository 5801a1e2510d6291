//! One dead letter for every message that may not be taken, as it came, and none for any other.

use super::committed::Committed;
use super::input::{Input, Origin};
use super::judgement::Judgement;
use crate::cluster::Message;
use std::collections::HashMap;

/// Compares messages that may not be taken with dead letters.
pub(super) fn check(committed: &Committed, input: &Input, judgement: &mut Judgement) {
    judgement.invalid = input.invalid.len() as u64;
    let mut letters: HashMap<Origin, u32> = HashMap::new();
    for letter in &committed.dead_letters {
        let Some(origin) = origin(letter) else {
            judgement.stray_letters += 1;
            judgement.find(|| format!("the dead letter at {} does not tell where it comes from", letter.offset));
            continue;
        };
        match input.invalid.get(&origin) {
            None => {
                judgement.stray_letters += 1;
                judgement.find(|| {
                    let reason = letter.header("fraudnet-reason-text");
                    format!("{} {} is valid and was put aside: {reason}", origin.topic, origin.offset)
                });
            }
            Some(reason) => {
                check_letter(committed, &origin, reason, letter, judgement);
                *letters.entry(origin).or_default() += 1;
            }
        }
    }
    for (origin, reason) in &input.invalid {
        match letters.get(origin) {
            Some(1) => judgement.dead_lettered += 1,
            Some(_) => {
                judgement.stray_letters += 1;
                judgement.find(|| format!("{} {} has more than one dead letter", origin.topic, origin.offset));
            }
            None => judgement.find(|| format!("{} {} ({reason}) has no dead letter", origin.topic, origin.offset)),
        }
    }
}

/// The letter says the right reason and holds the message as it came.
fn check_letter(committed: &Committed, origin: &Origin, reason: &str, letter: &Message, judgement: &mut Judgement) {
    let topic = if origin.topic == "labels" { &committed.labels } else { &committed.transactions };
    let place = topic.binary_search_by_key(&origin.offset, |message| message.offset);
    let message = &topic[place.expect("what is invalid was read off this topic")];
    let said = letter.header("fraudnet-reason");
    let whole = (&letter.key, &letter.payload) == (&message.key, &message.payload)
        && message.headers.iter().all(|header| letter.headers.contains(header));
    if said != reason || !whole {
        judgement.stray_letters += 1;
        judgement.find(|| {
            let place = format!("{} {}", origin.topic, origin.offset);
            if whole {
                format!("{place} is {reason}, and its letter says {said}")
            } else {
                format!("{place} was changed on its way to the dead letters")
            }
        });
    }
}

fn origin(letter: &Message) -> Option<Origin> {
    // The topic with its prefix, which ends with a dot or not.
    let name = letter.header("fraudnet-origin-topic");
    let topic = ["transactions", "labels"].into_iter().find(|topic| name.ends_with(topic))?;
    Some(Origin { topic, offset: letter.header("fraudnet-origin-offset").parse().ok()? })
}
