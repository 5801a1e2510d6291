//! The head of an example: whose it is, when and how it was decided.

use crate::verdict::{Cut, Decision, Tier, Verdict};

/// Decisions and tiers by their number in the layout, which is theirs for ever.
const DECISIONS: [Decision; 4] = [Decision::Approve, Decision::Challenge, Decision::Review, Decision::Decline];
const TIERS: [Tier; 6] = [Tier::Hybrid, Tier::TreesV2, Tier::TreesV1, Tier::Rules, Tier::Custom, Tier::Default];

const ACCOUNT_KNOWN: u8 = 1;
const LOGIT_KNOWN: u8 = 2;
const CUT_KNOWN: u8 = 4;
const CONTROL_GROUP: u8 = 8;

/// Whose example it is, and how the payment was decided.
#[derive(Debug, Clone, PartialEq)]
pub struct ExampleHead {
    /// Tenant.
    pub tenant: String,
    /// The payment's id; labels are joined by it.
    pub transaction_id: String,
    /// Paying account, so that a test set can leave out accounts a fit has seen; `None` where it must not be told.
    pub account: Option<String>,
    /// When the payment was made, UTC milliseconds since the epoch.
    pub occurred_at_ms: i64,
    /// Position of the payment in the log (of the journal that the cut names).
    pub position: u64,
    /// What was known, in terms of Kafka; `None` where there is none.
    pub cut: Option<Cut>,
    /// What was decided.
    pub decision: Decision,
    /// Calibrated probability of fraud, 0–1.
    pub fraud_probability: f32,
    /// The model's raw logit; `None` where rules answered.
    pub logit: Option<f32>,
    /// Model family.
    pub model: String,
    /// Model version.
    pub model_version: String,
    /// Rung of the ladder that answered.
    pub tier: Tier,
    /// Probability with which an example like this one is kept, above 0 and at most 1: its weight is one over it.
    pub inclusion_probability: f32,
    /// Whether it would have been declined and was let through to be watched: the control group.
    pub control_group: bool,
    /// Probability with which such a payment is let through, above 0 and at most 1; 1 where no draw decided.
    pub propensity: f32,
    /// Hex digest of the subgraph the tensor was read off.
    pub subgraph_digest: String,
}

impl ExampleHead {
    /// The head for a verdict that was just made. It tells neither the account nor the logit; set them where they may be told.
    pub fn new(tenant: &str, occurred_at_ms: i64, verdict: &Verdict, inclusion_probability: f32) -> ExampleHead {
        ExampleHead {
            tenant: tenant.to_owned(),
            transaction_id: verdict.transaction_id.clone(),
            account: None,
            occurred_at_ms,
            position: verdict.as_of.position,
            cut: verdict.as_of.cut.clone(),
            decision: verdict.decision,
            fraud_probability: verdict.fraud_probability,
            logit: None,
            model: verdict.model.clone(),
            model_version: verdict.model_version.clone(),
            tier: verdict.tier,
            inclusion_probability,
            control_group: verdict.control_group.is_some(),
            propensity: verdict.control_group.as_ref().map_or(1.0, |group| group.propensity),
            subgraph_digest: verdict.subgraph_digest.clone(),
        }
    }

    /// Which of the optional parts are known.
    pub(super) fn flags(&self) -> u8 {
        u8::from(self.account.is_some()) * ACCOUNT_KNOWN
            + u8::from(self.logit.is_some()) * LOGIT_KNOWN
            + u8::from(self.cut.is_some()) * CUT_KNOWN
            + u8::from(self.control_group) * CONTROL_GROUP
    }

    pub(super) fn write(&self, schema: [u8; 8]) -> Vec<u8> {
        let (transactions, labels) = self.cut.as_ref().map_or((0, 0), |cut| (cut.transactions, cut.labels));
        let journal = self.cut.as_ref().map_or("", |cut| &cut.journal);
        let decision = DECISIONS.iter().position(|&decision| decision == self.decision).expect("all are listed");
        let tier = TIERS.iter().position(|&tier| tier == self.tier).expect("all are listed");
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&self.occurred_at_ms.to_le_bytes());
        bytes.extend_from_slice(&self.position.to_le_bytes());
        bytes.extend_from_slice(&transactions.to_le_bytes());
        bytes.extend_from_slice(&labels.to_le_bytes());
        bytes.extend_from_slice(&[decision as u8, tier as u8]);
        let numbers = [self.fraud_probability, self.logit.unwrap_or(0.0), self.inclusion_probability, self.propensity];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&schema);
        let account = self.account.as_deref().unwrap_or_default();
        let texts: [&str; 7] = [
            &self.tenant,
            &self.transaction_id,
            account,
            journal,
            &self.model,
            &self.model_version,
            &self.subgraph_digest,
        ];
        for text in texts {
            bytes.extend_from_slice(&u16::try_from(text.len()).expect("ids and names are short").to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// The head and the feature schema it was written with, or the part that is not as the layout says.
    pub(super) fn read(flags: u8, bytes: &[u8]) -> Result<(ExampleHead, [u8; 8]), &'static str> {
        if flags > ACCOUNT_KNOWN + LOGIT_KNOWN + CUT_KNOWN + CONTROL_GROUP {
            return Err("a flag");
        }
        let known = |flag: u8| flags & flag != 0;
        let mut rest = Rest(bytes);
        let occurred_at_ms = i64::from_le_bytes(rest.take()?);
        let position = u64::from_le_bytes(rest.take()?);
        let transactions = i64::from_le_bytes(rest.take()?);
        let labels = i64::from_le_bytes(rest.take()?);
        let [decision, tier] = rest.take()?;
        let fraud_probability = f32::from_le_bytes(rest.take()?);
        let logit = f32::from_le_bytes(rest.take()?);
        let inclusion_probability = f32::from_le_bytes(rest.take()?);
        let propensity = f32::from_le_bytes(rest.take()?);
        let schema = rest.take()?;
        let tenant = rest.text()?;
        let transaction_id = rest.text()?;
        let account = rest.text()?;
        let journal = rest.text()?;
        let head = ExampleHead {
            tenant,
            transaction_id,
            account: known(ACCOUNT_KNOWN).then_some(account),
            occurred_at_ms,
            position,
            cut: known(CUT_KNOWN).then_some(Cut { journal, transactions, labels }),
            decision: *DECISIONS.get(usize::from(decision)).ok_or("the decision")?,
            fraud_probability,
            logit: known(LOGIT_KNOWN).then_some(logit),
            model: rest.text()?,
            model_version: rest.text()?,
            tier: *TIERS.get(usize::from(tier)).ok_or("the tier")?,
            inclusion_probability,
            control_group: known(CONTROL_GROUP),
            propensity,
            subgraph_digest: rest.text()?,
        };
        if rest.0.is_empty() { Ok((head, schema)) } else { Err("the end of the head") }
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("the head's length")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn text(&mut self) -> Result<String, &'static str> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let (taken, rest) = self.0.split_at_checked(length).ok_or("a text's length")?;
        self.0 = rest;
        str::from_utf8(taken).map(str::to_owned).map_err(|_| "a text")
    }
}
