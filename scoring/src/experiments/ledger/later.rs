//! What is heard of a payment after its verdict: what shadows said, that it was confirmed, and that it is mature.

use super::{Clusters, Ledger, Open, Part, ShadowNote, clusters};
use crate::experiments::arm::{ArmFigures, Said, Seen};
use crate::experiments::books::Labels;
use crate::experiments::figures::StageKind;
use crate::verdict::ArmTold;

impl Ledger {
    /// What a shadow arm said.
    pub fn note(&mut self, note: &ShadowNote) {
        if let Some(undecided) = self.undecided.get_mut(&note.payment) {
            undecided.notes.push(note.clone());
            return;
        }
        let told = ArmTold { experiment: note.experiment.clone(), arm: note.arm.clone() };
        let Some((index, Some(arm))) = self.place(&told).filter(|(_, arm)| arm.is_some_and(|arm| arm > 0)) else {
            return;
        };
        let Some(open) = self.open.get_mut(&note.payment) else { return };
        let Some(tracked) = &mut self.tracked[index] else { return };
        let stage_index = tracked.figures.stages.len() - 1;
        let Some(stage) = tracked.figures.stages.last_mut().filter(|stage| stage.kind == StageKind::Shadow) else {
            return;
        };
        if self.told {
            tracked.counters[usize::from(arm)].increment(1);
        }
        let verdict = open.said;
        let control = Seen { said: verdict, tier: None, cause: None, latency_us: None, spilled: false };
        let (Some(probability), Some(decision)) = (note.fraud_probability, note.decision) else {
            // It failed: told as such, but nothing was said that could be compared.
            stage.arms[usize::from(arm - 1)].operation.errors.add_alone(1.0);
            stage.arms[usize::from(arm - 1)].operation.payments += 1;
            *stage.arms[usize::from(arm - 1)].causes.entry("shadow_failed".to_owned()).or_default() += 1;
            return;
        };
        let shadow = Said { probability, decision };
        let is = |part: &Part, arm: u8| part.experiment == index as u32 && part.arm == arm;
        if open.parts.iter().any(|part| is(part, arm)) {
            return;
        }
        let counted = open.parts.iter().any(|part| is(part, 0));
        let account = open.account;
        let part = Part { experiment: index as u32, stage: stage_index as u8, arm, shadow: Some(shadow) };
        open.parts.push(part);
        if !counted {
            open.parts.push(Part { arm: 0, shadow: None, ..part });
        }
        let mut alone = Clusters::default();
        let accounts = &mut tracked.accounts;
        let own = clusters(accounts, &mut self.accounts, stage_index, arm, account, &mut alone);
        let differs = f64::from(u8::from(shadow.alerts())) - f64::from(u8::from(verdict.alerts()));
        stage.pairs[usize::from(arm - 1)].alerts.add(&mut own.pairs.alerts, differs);
        let seen = Seen { said: shadow, tier: None, cause: None, latency_us: None, spilled: false };
        self.add(index, stage_index, arm, account, seen);
        if !counted {
            self.add(index, stage_index, 0, account, control);
        }
    }

    /// A label of a payment was confirmed, or one that was is replaced by another; false where the payment is not known any more.
    pub fn confirmed(&mut self, key: u64, before: Option<bool>, now: bool) -> bool {
        let Some(open) = self.open_by_key.get(&key).and_then(|position| self.open.get(position)) else { return false };
        let (said, parts) = (open.said, open.parts.clone());
        if let Some(before) = before {
            self.confirm(said, &parts, before, -1);
        }
        self.confirm(said, &parts, now, 1);
        true
    }

    fn confirm(&mut self, said: Said, parts: &[Part], fraud: bool, sign: i64) {
        for part in parts {
            if let Some(figures) = self.arm(part) {
                figures.confirm(part.shadow.unwrap_or(said), fraud, sign);
            }
        }
    }

    fn arm(&mut self, part: &Part) -> Option<&mut ArmFigures> {
        let tracked = self.tracked[part.experiment as usize].as_mut()?;
        let stage = tracked.figures.stages.get_mut(usize::from(part.stage))?;
        match part.arm.checked_sub(1) {
            None => Some(&mut stage.control),
            Some(arm) => stage.arms.get_mut(usize::from(arm)),
        }
    }

    /// Settles what is before `position` in the log and occurred before `before_ms`: all that will ever be known of it is.
    pub fn settle(&mut self, position: u64, before_ms: i64, labels: &mut Labels) {
        let ripe = |(first, open): (&u64, &Open)| *first < position && open.occurred_at_ms < before_ms;
        while self.open.first_key_value().is_some_and(ripe) {
            let Some((position, open)) = self.open.pop_first() else { return };
            let (fraud, counted) = labels.take(open.key);
            self.settle_one(&open, fraud, counted);
            self.let_go(position, &open);
        }
    }

    fn settle_one(&mut self, open: &Open, fraud: bool, counted: bool) {
        if fraud && !counted {
            self.confirm(open.said, &open.parts, true, 1);
        }
        let costs = self.terms.costs;
        for part in &open.parts {
            let Some(tracked) = &mut self.tracked[part.experiment as usize] else { continue };
            let mut alone = Clusters::default();
            let stage_index = usize::from(part.stage);
            let accounts = &mut tracked.accounts;
            let own = clusters(accounts, &mut self.accounts, stage_index, part.arm, open.account, &mut alone);
            let Some(stage) = tracked.figures.stages.get_mut(stage_index) else { continue };
            let said = part.shadow.unwrap_or(open.said);
            let figures = match part.arm.checked_sub(1) {
                None => &mut stage.control,
                Some(arm) => &mut stage.arms[usize::from(arm)],
            };
            figures.mature(said, fraud, open.amount, costs, &mut own.own);
            if let (Some(shadow), Some(arm)) = (part.shadow, part.arm.checked_sub(1)) {
                let pairs = &mut stage.pairs[usize::from(arm)];
                let alerts = |said: Said| f64::from(u8::from(said.alerts()));
                if fraud {
                    pairs.recall.add(&mut own.pairs.recall, alerts(shadow) - alerts(open.said));
                }
                let saved = |said: Said| said.saved(fraud, open.amount, costs);
                pairs.saved.add(&mut own.pairs.saved, saved(shadow) - saved(open.said));
            }
        }
    }
}
