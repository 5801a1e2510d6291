//! Which model versions serve: aliases, the line of champions, what was published and what was refused.
//!
//! The fold knows names and order, nothing of files: whether a version is there, whole and trusted is found out before a change is
//! submitted, and again by every replica that loads it.

use super::Meta;
use fraudnet_models::ModelRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Champions that a rollback can go back over.
const LINE: usize = 50;
/// Publications and refusals that are remembered.
const REMEMBERED: usize = 50;
/// Longest reason, bytes.
pub const REASON_LIMIT: usize = 1_000;

/// A role that a version can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alias {
    /// The version that scores every payment no experiment says otherwise of.
    Champion,
    /// The version that is meant to replace it.
    Challenger,
    /// The upper rung below the champion.
    TreesV2,
    /// The rung below that.
    TreesV1,
}

impl Alias {
    /// All there are.
    pub const ALL: [Alias; 4] = [Alias::Champion, Alias::Challenger, Alias::TreesV2, Alias::TreesV1];

    /// As requests and events name it.
    pub const fn name(self) -> &'static str {
        match self {
            Alias::Champion => "champion",
            Alias::Challenger => "challenger",
            Alias::TreesV2 => "trees_v2",
            Alias::TreesV1 => "trees_v1",
        }
    }

    /// Whether the version of that name answers payments.
    pub const fn serves(self) -> bool {
        !matches!(self, Alias::Challenger)
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Alias {
    type Err = String;

    fn from_str(text: &str) -> Result<Alias, String> {
        Alias::ALL
            .into_iter()
            .find(|alias| alias.name() == text)
            .ok_or_else(|| format!("there is no alias `{text}`; there are champion, challenger, trees_v2 and trees_v1"))
    }
}

/// A change of which versions serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ModelChange {
    /// Gives a role to a version, or takes it away: then what is configured has it again (there is no configured challenger).
    Alias {
        /// The role.
        alias: Alias,
        /// The version; none: as configured.
        #[schema(value_type = Option<String>)]
        model: Option<ModelRef>,
        /// Why, for the record.
        reason: String,
    },
    /// A version was proven whole by the service that would serve it.
    Published {
        /// The version.
        #[schema(value_type = String)]
        model: ModelRef,
        /// Who signed it with a trusted key.
        author: Option<String>,
    },
    /// A version could not be loaded where it should serve; what served before goes on.
    Refused {
        /// The version.
        #[schema(value_type = String)]
        model: ModelRef,
        /// Why.
        reason: String,
    },
}

/// Who gave a role to a version, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Named {
    /// The version; none: as configured.
    #[schema(value_type = Option<String>)]
    pub model: Option<ModelRef>,
    /// Log position of the change.
    pub position: u64,
    /// When it was asked for, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// A version that a service proved whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Published {
    /// The version.
    #[schema(value_type = String)]
    pub model: ModelRef,
    /// Who signed it with a trusted key.
    pub author: Option<String>,
    /// Log position of the event.
    pub position: u64,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who had it published.
    pub actor: String,
}

/// A version that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refusal {
    /// The version.
    #[schema(value_type = String)]
    pub model: ModelRef,
    /// Why.
    pub reason: String,
    /// Log position of the event.
    pub position: u64,
    /// When, UTC milliseconds since the epoch.
    pub at_ms: i64,
    /// Who had asked for it.
    pub actor: String,
}

/// What all changes of models come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelsState {
    /// Roles given by a change; a role that is not here is as configured. The champion's is the last of `line`.
    pub aliases: BTreeMap<Alias, Named>,
    /// Champions one after the other, the configured one before the first not among them; a rollback goes back along it.
    pub line: Vec<Named>,
    /// Champions that the line no longer remembers.
    pub forgotten: u64,
    /// The last changes of the champion, oldest first, rollbacks among them.
    pub history: Vec<Named>,
    /// The last versions proven whole, oldest first.
    pub published: Vec<Published>,
    /// The last refusals, oldest first.
    pub refusals: Vec<Refusal>,
}

impl ModelsState {
    /// The version that a change gave this role to; none: as configured.
    pub fn model(&self, alias: Alias) -> Option<&ModelRef> {
        self.aliases.get(&alias).and_then(|named| named.model.as_ref())
    }

    /// The change that brings the previous champion back.
    ///
    /// # Errors
    /// Where there was none before, or nobody remembers it.
    pub fn rollback(&self, reason: &str) -> Result<ModelChange, String> {
        let model = match &self.line[..] {
            [] => {
                return Err(
                    "the champion is the one that is configured; there is none before it to roll back to".to_owned()
                );
            }
            [_] if self.forgotten > 0 => {
                return Err(format!("the champion before the last {LINE} is not remembered; promote the one you want"));
            }
            [_] => None,
            [.., previous, _] => previous.model.clone(),
        };
        Ok(ModelChange::Alias { alias: Alias::Champion, model, reason: reason.to_owned() })
    }

    /// Applies a change.
    ///
    /// # Errors
    /// Why it contradicts what stands; then nothing was changed.
    pub fn apply(&mut self, meta: &Meta, change: &ModelChange) -> Result<(), String> {
        let Meta { position, at_ms, actor } = meta.clone();
        match change {
            ModelChange::Alias { alias, model, reason } => {
                check_reason(reason)?;
                self.check(*alias, model.as_ref())?;
                let named = Named { model: model.clone(), position, at_ms, actor, reason: reason.clone() };
                if *alias == Alias::Champion {
                    self.crown(named);
                } else if model.is_some() {
                    self.aliases.insert(*alias, named);
                } else {
                    self.aliases.remove(alias);
                }
            }
            ModelChange::Published { model, author } => {
                self.published.retain(|published| published.model != *model);
                let published = Published { model: model.clone(), author: author.clone(), position, at_ms, actor };
                remember(&mut self.published, published);
            }
            ModelChange::Refused { model, reason } => {
                let reason = reason.clone();
                remember(&mut self.refusals, Refusal { model: model.clone(), reason, position, at_ms, actor });
            }
        }
        Ok(())
    }

    fn check(&self, alias: Alias, model: Option<&ModelRef>) -> Result<(), String> {
        match model {
            Some(model) if self.model(alias) == Some(model) => Err(format!("{model} is {alias} already")),
            Some(model) if alias == Alias::Challenger && self.model(Alias::Champion) == Some(model) => {
                Err(format!("{model} is the champion; a challenger is another version"))
            }
            None if self.model(alias).is_none() && alias == Alias::Challenger => {
                Err("there is no challenger".to_owned())
            }
            None if self.model(alias).is_none() => Err(format!("{alias} is the one that is configured already")),
            _ => Ok(()),
        }
    }

    fn crown(&mut self, named: Named) {
        // Back to the one before: it leaves the line, so that the next rollback goes further back instead of to and fro.
        let previous = match &self.line[..] {
            [_] if self.forgotten == 0 => Some(&None),
            [.., previous, _] => Some(&previous.model),
            _ => None,
        };
        if previous == Some(&named.model) {
            self.line.pop();
        } else {
            self.line.push(named.clone());
        }
        if self.line.len() > LINE {
            self.line.remove(0);
            self.forgotten += 1;
        }
        match &named.model {
            Some(model) => {
                if self.model(Alias::Challenger) == Some(model) {
                    self.aliases.remove(&Alias::Challenger);
                }
                self.aliases.insert(Alias::Champion, named.clone());
            }
            None => drop(self.aliases.remove(&Alias::Champion)),
        }
        remember(&mut self.history, named);
    }
}

fn check_reason(reason: &str) -> Result<(), String> {
    if reason.trim().is_empty() || reason.len() > REASON_LIMIT {
        return Err(format!("say why in 1 to {REASON_LIMIT} bytes; the reason stays with the change"));
    }
    Ok(())
}

fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= REMEMBERED {
        list.remove(0);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u32) -> Option<ModelRef> {
        Some(ModelRef::new("hybrid", number.to_string()).unwrap())
    }

    #[derive(Default)]
    struct Story(ModelsState, u64);

    impl Story {
        fn tell(&mut self, change: ModelChange) -> Result<(), String> {
            self.1 += 1;
            let meta = Meta { position: self.1, at_ms: 1_000 + self.1 as i64, actor: "ann".to_owned() };
            let before = self.0.clone();
            let told = self.0.apply(&meta, &change);
            assert!(told.is_ok() || self.0 == before, "a refused change changes nothing");
            told
        }

        fn alias(&mut self, alias: Alias, model: Option<ModelRef>) -> Result<(), String> {
            self.tell(ModelChange::Alias { alias, model, reason: "a test".to_owned() })
        }

        fn roll_back(&mut self) -> Result<(), String> {
            let change = self.0.rollback("it was worse")?;
            self.tell(change)
        }

        fn champion(&self) -> Option<ModelRef> {
            self.0.model(Alias::Champion).cloned()
        }
    }

    #[test]
    fn rollbacks_go_back_along_the_line_to_what_is_configured() {
        let mut story = Story::default();
        assert!(story.roll_back().unwrap_err().contains("none before it"));
        for number in [1, 2, 3] {
            story.alias(Alias::Champion, version(number)).unwrap();
        }
        story.roll_back().unwrap();
        assert_eq!(story.champion(), version(2));
        story.alias(Alias::Champion, version(4)).unwrap();
        for expected in [version(2), version(1), None] {
            story.roll_back().unwrap();
            assert_eq!(story.champion(), expected);
        }
        assert!(story.roll_back().is_err());
        // To what is configured and back is a change like others.
        story.alias(Alias::Champion, version(1)).unwrap();
        story.alias(Alias::Champion, version(2)).unwrap();
        story.alias(Alias::Champion, None).unwrap();
        assert_eq!((story.champion(), story.0.line.len()), (None, 3));
        story.roll_back().unwrap();
        assert_eq!(story.champion(), version(2));
        let last = story.0.history.last().unwrap();
        assert_eq!((&last.actor[..], &last.reason[..], last.position), ("ann", "it was worse", story.1));
    }

    #[test]
    fn changes_that_change_nothing_are_refused() {
        let mut story = Story::default();
        story.alias(Alias::Champion, version(1)).unwrap();
        story.alias(Alias::Challenger, version(2)).unwrap();
        for (alias, model, expected) in [
            (Alias::Champion, version(1), "hybrid/1 is champion already"),
            (Alias::Challenger, version(2), "hybrid/2 is challenger already"),
            (Alias::Challenger, version(1), "is the champion; a challenger is another version"),
            (Alias::TreesV2, None, "trees_v2 is the one that is configured already"),
        ] {
            let refused = story.alias(alias, model).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
        for reason in ["", " ", &"x".repeat(REASON_LIMIT + 1)] {
            let change = ModelChange::Alias { alias: Alias::Champion, model: None, reason: reason.to_owned() };
            assert!(story.tell(change).unwrap_err().contains("say why"));
        }
        // Promoted, the challenger is none any more.
        story.alias(Alias::Champion, version(2)).unwrap();
        assert_eq!(story.0.model(Alias::Challenger), None);
        assert!(story.alias(Alias::Challenger, None).unwrap_err().contains("there is no challenger"));
        story.alias(Alias::TreesV1, version(7)).unwrap();
        assert_eq!(story.0.model(Alias::TreesV1), version(7).as_ref());
        story.alias(Alias::TreesV1, None).unwrap();
        assert_eq!(story.0.model(Alias::TreesV1), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut story = Story::default();
        for number in 0..2 * LINE as u32 {
            let model = version(number).unwrap();
            story.tell(ModelChange::Published { model: model.clone(), author: Some("bob".to_owned()) }).unwrap();
            story.tell(ModelChange::Refused { model, reason: "no".to_owned() }).unwrap();
            story.alias(Alias::Champion, version(number)).unwrap();
        }
        let state = &story.0;
        assert_eq!((state.line.len(), state.forgotten), (LINE, LINE as u64));
        assert_eq!((state.history.len(), state.published.len(), state.refusals.len()), (50, 50, 50));
        for _ in 1..LINE {
            story.roll_back().unwrap();
        }
        assert_eq!(story.champion(), version(LINE as u32));
        assert!(story.roll_back().unwrap_err().contains("not remembered"));
    }

    #[test]
    fn events_have_one_form() {
        let change = ModelChange::Alias { alias: Alias::TreesV2, model: version(3), reason: "newer".to_owned() };
        let json = serde_json::to_value(&change).unwrap();
        let expected =
            serde_json::json!({ "change": "alias", "alias": "trees_v2", "model": "hybrid/3", "reason": "newer" });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<ModelChange>(json).unwrap(), change);
        for alias in Alias::ALL {
            assert_eq!(alias.name().parse::<Alias>().unwrap(), alias);
            assert_eq!(serde_json::to_value(alias).unwrap(), alias.name());
        }
        let mut state = ModelsState::default();
        let meta = Meta { position: 1, at_ms: 2, actor: "ann".to_owned() };
        state.apply(&meta, &change).unwrap();
        assert_eq!(serde_json::to_value(&state).unwrap()["aliases"]["trees_v2"]["model"], "hybrid/3");
    }
}
