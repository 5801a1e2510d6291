//! What the tests of this module share: stories, one event a line, and what came of it.
//!
//! ```text
//! <second> <actor> review <account> <transaction> <hundredths> <probability>
//! <second> <actor> <action> <transaction that opened the case>[@<version that was seen>] [<what the action says>]
//! <second> <actor> next [<status>]
//! <second> <actor> bulk <action> <transaction>[@<version>],… [<what the action says>]
//! ```
//!
//! Behind `=>` stands what came of it: the code of a refusal, or `ok` with what became known of payments: `+tx` fraud, `-tx` legitimate,
//! `?+tx` and `?-tx` what was taken back; after `next` the case; after `bulk` what became of each. Leads have names that begin with `lead`.

use super::*;

/// Log positions, the fold, and whose story it is.
pub struct Story {
    /// The fold.
    pub cases: Cases,
    /// Every event so far, refused ones included.
    pub events: Vec<CaseEvent>,
    /// Tenant of the events.
    pub tenant: String,
}

/// Settings of the stories: one minute's lease, an hour's service level, four eyes above 1,000.00.
pub fn settings() -> CaseSettings {
    CaseSettings {
        service_level_minutes: 60,
        loss_scale_hundredths: 10_000,
        lease_minutes: 1,
        four_eyes_above_hundredths: Some(100_000),
        bounds: CaseBounds { payments: 3, notes: 3, note_chars: 100, history: 5, bulk: 5, closed: 4, open: 6 },
        ..CaseSettings::default()
    }
}

/// A reviewed payment.
pub fn payment(account: &str, transaction_id: &str, amount_minor: u64, fraud_probability: f32) -> ReviewedPayment {
    ReviewedPayment {
        case_id: case_id(transaction_id),
        transaction_id: transaction_id.to_owned(),
        account: account.to_owned(),
        amount_minor,
        currency: "EUR".to_owned(),
        fraud_probability,
        risk_score: (fraud_probability * 100.0) as u8,
        decision_id: format!("dec_{transaction_id}"),
    }
}

/// The case that a payment opens.
pub fn case_id(transaction_id: &str) -> String {
    format!("case_{transaction_id}")
}

/// Who is called so.
pub fn person(name: &str) -> Person<'_> {
    Person { name, is_lead: name.starts_with("lead") }
}

impl Story {
    /// Nothing happened yet.
    pub fn new(settings: CaseSettings) -> Story {
        let mut story = Story { cases: Cases::default(), events: Vec::new(), tenant: "bank".to_owned() };
        story.happens(0, "fraudnet", CaseChange::Configured { settings }).unwrap();
        story
    }

    /// A story that went as told.
    pub fn told(text: &str) -> Story {
        let mut story = Story::new(settings());
        story.goes_on(text);
        story
    }

    /// It goes on as told.
    pub fn goes_on(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (event, expected) = line.split_once("=>").expect("a line says what came of it");
            assert_eq!(self.tell(event), expected.trim(), "{line}");
        }
    }

    /// The case that a payment opened.
    pub fn case(&self, transaction_id: &str) -> &Case {
        self.cases.get(&self.tenant, &case_id(transaction_id)).expect("there is such a case")
    }

    /// An event happens.
    pub fn happens(&mut self, at_ms: i64, actor: &str, change: CaseChange) -> Result<Effects, Refusal> {
        let event = CaseEvent {
            event_id: format!("event-{}", self.events.len()),
            at_ms,
            tenant: self.tenant.clone(),
            actor: actor.to_owned(),
            is_lead: person(actor).is_lead,
            change,
        };
        let before = self.cases.clone();
        let result = self.cases.apply(self.events.len() as u64, &event);
        if result.is_err() {
            assert_eq!(self.cases, before, "what is refused changes nothing");
        }
        self.cases.check();
        self.events.push(event);
        result
    }

    fn tell(&mut self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (second, actor, verb) = (word(), word(), word());
        let at_ms = (second.parse::<f64>().expect("a line begins with a second") * 1000.0) as i64;
        let change = match verb.as_str() {
            "review" => {
                let (account, transaction, amount, probability) = (word(), word(), word(), word());
                let (amount, probability) = (amount.parse().unwrap(), probability.parse().unwrap());
                CaseChange::Review { payment: payment(&account, &transaction, amount, probability) }
            }
            "next" => {
                let status = Some(word()).filter(|word| !word.is_empty());
                let status = status.map(|word| serde_json::from_value(serde_json::Value::String(word)).unwrap());
                CaseChange::TakeNext { filter: CaseFilter { status, ..CaseFilter::default() } }
            }
            "bulk" => {
                let (verb, targets) = (word(), word());
                let targets = targets.split(',').map(|target| self.target(target)).collect();
                CaseChange::Bulk { targets, action: action(&verb, &words.collect::<Vec<_>>().join(" ")) }
            }
            verb => {
                let target = self.target(&word());
                CaseChange::Acted { target, action: action(verb, &words.collect::<Vec<_>>().join(" ")) }
            }
        };
        let result = self.happens(at_ms, &actor, change);
        match result {
            Ok(effects) if verb == "next" => effects.changed[0].case_id.trim_start_matches("case_").to_owned(),
            Ok(effects) => known(&effects),
            Err(refusal) => refusal.code().to_owned(),
        }
    }

    fn target(&self, word: &str) -> CaseTarget {
        let (transaction, version) = word.split_once('@').map_or((word, None), |(id, seen)| (id, Some(seen)));
        let now = || self.cases.get(&self.tenant, &case_id(transaction)).map_or(0, |case| case.version);
        CaseTarget {
            case_id: case_id(transaction),
            version: version.map_or_else(now, |version| version.parse().unwrap()),
        }
    }
}

fn known(effects: &Effects) -> String {
    let mut told = vec!["ok".to_owned()];
    if !effects.bulk.is_empty() {
        told.clear();
        told.extend(effects.bulk.iter().map(|one| match &one.result {
            Ok(_) => "ok".to_owned(),
            Err(refusal) => refusal.code().to_owned(),
        }));
    }
    told.extend(effects.labels.iter().map(|label| {
        let sign = match label.says {
            Says::Fraud => "+",
            Says::Legitimate => "-",
            Says::Withdrawn { said_fraud: true } => "?+",
            Says::Withdrawn { said_fraud: false } => "?-",
        };
        format!("{sign}{}", label.transaction_id)
    }));
    told.join(" ")
}

fn action(verb: &str, says: &str) -> CaseAction {
    let reason = || says.to_owned();
    let decide = |outcome| CaseAction::Decide { outcome, reason: "looked at it".to_owned(), note: None };
    match verb {
        "take" => CaseAction::Take,
        "release" => CaseAction::Release,
        "assign" => CaseAction::Assign { to: Some(reason()).filter(|to| !to.is_empty()) },
        "snooze" => CaseAction::Snooze { until_ms: says.parse::<i64>().unwrap() * 1000 },
        "note" => CaseAction::Note { text: reason() },
        "escalate" => CaseAction::Escalate { reason: reason() },
        "fraud" => decide(Outcome::ConfirmedFraud),
        "good" => decide(Outcome::FalsePositive),
        "unclear" => decide(Outcome::Inconclusive),
        "approve" => CaseAction::Approve,
        "reject" => CaseAction::Reject { reason: reason() },
        "undo" => CaseAction::Undo,
        "reopen" => CaseAction::Reopen { reason: reason() },
        other => panic!("no action {other}"),
    }
}
