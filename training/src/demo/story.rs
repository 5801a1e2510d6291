//! The days, one after the other, and what happened on them.

use super::DemoArguments;
use super::bad;
use super::house::House;
use super::live::{self, DayFigures, Mailbox};
use super::world::{DAY_MS, GOALS, LIVE_DAYS, NOVEL_FROM, World, fitted_on};
use crate::command::print;
use crate::contender::Contender;
use crate::data::examples::Shares;
use crate::data::split::SplitSettings;
use crate::fit::{FitRequest, fit};
use crate::generations::GenerationSettings;
use crate::network::TrainConfig;
use crate::progress::Told as Progress;
use crate::trees::TreeConfig;
use anyhow::{Context, Result, ensure};
use fraudnet_models::{ModelRef, name_champion};
use fraudnet_scoring::client::FraudnetClient;
use fraudnet_scoring::clock;
use hyper::Method;
use serde_json::{Value, json};
use std::path::Path;

/// Day on which somebody pushes a bad model.
const BAD_ON: u32 = LIVE_DAYS - 2;
/// Days on which the new kind of fraud is news, and days before the bad model that tell what was learnt.
const FIRST_DAYS: u32 = 1;
const LAST_DAYS: u32 = 4;
/// Version of the first champion.
const FIRST: &str = "first";
/// Name of the bad model's experiment.
const HASTY: &str = "hasty";

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// When, in live days.
    pub(super) at: f64,
    /// What kind of thing.
    pub(super) kind: MarkKind,
    /// In words.
    pub(super) text: String,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    Novelty,
    Alarm,
    Challenger,
    Experiment,
    Promoted,
    Bad,
    RolledBack,
}

/// The story as it went.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Told {
    pub(super) novelty: &'static str,
    pub(super) base: String,
    pub(super) days: Vec<DayFigures>,
    pub(super) marks: Vec<Mark>,
    /// Seconds from the label that set the trainer off to its challenger being announced.
    pub(super) trained_s: Vec<f64>,
}

/// Plays it.
pub(super) async fn tell(arguments: &DemoArguments) -> Result<Told> {
    let folder = std::path::absolute(&arguments.folder).context("the folder has no path")?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let novelty = arguments.novelty;
    print(&format!("1/4  fit a champion on a past without {}  (about 3 minutes)", novelty.name()));
    let models = folder.join("models");
    let request = champion(arguments, &models);
    let champion = tokio::task::spawn_blocking(move || fit(&request)).await.context("the fit broke off")?;
    champion.context("fitting the champion")?;
    for family in Contender::FAMILIES {
        name_champion(&models.join(family.name()), FIRST)?;
    }
    print("2/4  start the service on a past of 30 days  (about 15 s)");
    let mut world = World::simulate(arguments)?;
    let house = House::open(&folder, &mut world).await?;
    print(&format!("3/4  {LIVE_DAYS} days of payments, the trainer at every midnight  (about 4 minutes)"));
    let told = days(arguments, &house, world).await?;
    print("4/4  the story\n");
    Ok(told)
}

async fn days(arguments: &DemoArguments, house: &House, mut world: World) -> Result<Told> {
    let mut mailbox = Mailbox::new(&mut world, arguments.seed);
    let mut told = Told { novelty: arguments.novelty.name(), base: house.client.base().to_owned(), ..Told::default() };
    let mut watch = Watch { client: house.client.clone(), next: 0 };
    for (number, payments) in std::mem::take(&mut world.days).into_iter().enumerate() {
        let number = number as u32;
        let day_ms = world.start_ms + i64::from(number) * DAY_MS;
        if number == NOVEL_FROM {
            told.happened(f64::from(number), MarkKind::Novelty, format!("{} begins", arguments.novelty.name()));
        }
        if number == BAD_ON {
            push_bad(house).await?;
            told.happened(f64::from(number), MarkKind::Bad, "a bad model is pushed".to_owned());
        }
        let figures = live::day(&house.client, payments, day_ms, arguments.novelty, &mut mailbox).await?;
        watch.look(&mut told, f64::from(number) + 0.5).await?;
        print(&line(number, &figures));
        told.days.push(figures);
        let begun = clock::monotonic();
        let before = told.marks.len();
        house.train().await?;
        watch.look(&mut told, f64::from(number) + 1.0).await?;
        if told.marks[before..].iter().any(|mark| mark.kind == MarkKind::Challenger) {
            told.trained_s.push((clock::monotonic() - begun).as_secs_f64());
        }
    }
    Ok(told)
}

/// What is fitted before the story begins.
fn champion(arguments: &DemoArguments, models: &Path) -> FitRequest {
    FitRequest {
        sources: vec![fitted_on(arguments.novelty, arguments.seed)],
        models: models.to_path_buf(),
        families: Contender::FAMILIES.to_vec(),
        version: FIRST.to_owned(),
        replace: false,
        parents: Vec::new(),
        seed: arguments.seed,
        split: SplitSettings { warm_up: 0.15, maturity_days: 8.0, ..SplitSettings::default() },
        shares: Shares { negative: 0.12, tabular: 0.6, stop: 0.3 },
        ablation_share: 0.05,
        train: TrainConfig { epochs: 6, threads: 2, ..TrainConfig::default() },
        trees: TreeConfig { rounds: 200, ..TreeConfig::default() },
        goals: GOALS,
        runtime: GenerationSettings::default().runtime,
        threads: 2,
        replicates: 50,
        told: Progress::Aloud,
    }
}

async fn push_bad(house: &House) -> Result<()> {
    let reply = house.client.get("/v1/models").await?;
    let listed: Value = reply.json()?;
    let champion = listed["serving"].as_str().context("the service does not say what serves")?;
    let champion: ModelRef = champion.parse().map_err(anyhow::Error::msg)?;
    let bad = bad::publish(&house.folder.join("models"), &champion)?;
    let spec = json!({
        "name": HASTY, "description": "pushed in a hurry",
        "arms": [{"name": "hasty", "model": bad.to_string()}],
        "stages": [{"exposure": {"kind": "percent", "percent": 20.0}, "advance": {"after": {"payments": 5000}}}],
        "then": "promote",
    });
    let body = spec.to_string().into_bytes().into();
    let reply = house.client.change(Method::POST, "/v1/experiments", body, &house.operator).await?;
    ensure!(reply.status < 300, "the bad model's experiment was refused: {}", reply.detail());
    Ok(())
}

/// Hears of changes from the service's own record of them.
struct Watch {
    client: FraudnetClient,
    next: u64,
}

impl Watch {
    async fn look(&mut self, told: &mut Told, at: f64) -> Result<()> {
        let reply = self.client.get(&format!("/v1/changes?from={}", self.next)).await?;
        ensure!(reply.status == 200, "the service does not tell its changes: {}", reply.detail());
        let reply: Value = reply.json()?;
        self.next = reply["next"].as_u64().unwrap_or(self.next);
        for entry in reply["changes"].as_array().into_iter().flatten() {
            if let Some((kind, text)) = meaning(&entry["change"]) {
                print(&format!("       day {at:4.1}  {text}"));
                told.happened(at, kind, text);
            }
        }
        Ok(())
    }
}

/// What a change means to the story.
fn meaning(change: &Value) -> Option<(MarkKind, String)> {
    let text = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
    let version = || text("model").rsplit('/').next().unwrap_or_default().to_owned();
    match (change["kind"].as_str()?, change["change"].as_str()?) {
        ("drift", "alarm") => Some((MarkKind::Alarm, format!("drift alarm: {}", text("signal")))),
        ("model", "alias") if text("alias") == "challenger" && !text("model").is_empty() => {
            Some((MarkKind::Challenger, format!("challenger {}", version())))
        }
        ("model", "alias") if text("alias") == "champion" => {
            Some((MarkKind::Promoted, format!("{} promoted", version())))
        }
        ("experiment", "advanced") => {
            Some((MarkKind::Experiment, format!("{}: stage {}", text("experiment"), change["to"])))
        }
        ("experiment", "created") if change["spec"]["name"] != HASTY => {
            Some((MarkKind::Experiment, format!("{}: shadow", change["spec"]["name"].as_str().unwrap_or_default())))
        }
        ("experiment", "rolled_back") => {
            let rail = change["rail"].as_str().unwrap_or("by hand");
            Some((MarkKind::RolledBack, format!("{} rolled back ({rail})", text("experiment"))))
        }
        _ => None,
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "   –".to_owned(), |share| format!("{:3.0}%", 100.0 * share))
}

fn line(number: u32, figures: &DayFigures) -> String {
    let versions: Vec<String> = figures.versions.iter().map(|(version, count)| format!("{version} {count}")).collect();
    format!(
        "  day {number:2}  {:5} payments  recall {} known, {} new  {:3} false alarms  {}",
        figures.payments,
        percent(DayFigures::recall(figures.known)),
        percent(DayFigures::recall(figures.novel)),
        figures.false_alarms,
        versions.join(", ")
    )
}

impl Told {
    fn happened(&mut self, at: f64, kind: MarkKind, text: String) {
        self.marks.push(Mark { at, kind, text });
    }

    fn first(&self, kind: MarkKind) -> Option<f64> {
        self.marks.iter().find(|mark| mark.kind == kind).map(|mark| mark.at)
    }

    /// The first alarm since the new kind of fraud began.
    fn alarm(&self) -> Option<f64> {
        let alarms = self.marks.iter().filter(|mark| mark.kind == MarkKind::Alarm);
        alarms.map(|mark| mark.at).find(|at| *at > f64::from(NOVEL_FROM))
    }

    /// Recall on the new kind of fraud when it was news, and in the last days before the bad model.
    pub(super) fn novel_recalls(&self) -> (Option<f64>, Option<f64>) {
        let over = |from: u32, to: u32| {
            let days = self.days.iter().take(to as usize).skip(from as usize);
            DayFigures::recall(days.fold([0, 0], |[all, caught], day| [all + day.novel[0], caught + day.novel[1]]))
        };
        (over(NOVEL_FROM, NOVEL_FROM + FIRST_DAYS), over(BAD_ON - LAST_DAYS, BAD_ON))
    }

    /// Whether the hasty model was rolled back by a guard rail.
    fn rolled_back(&self) -> bool {
        self.marks.iter().any(|mark| mark.kind == MarkKind::RolledBack && mark.text.starts_with(HASTY))
    }

    /// Whether all of the story happened.
    pub(super) fn complete(&self) -> bool {
        let (before, after) = self.novel_recalls();
        let recovered = matches!((before, after), (Some(before), Some(after)) if after > before);
        self.alarm().is_some() && self.first(MarkKind::Promoted).is_some() && recovered && self.rolled_back()
    }

    /// The story as a table.
    pub(super) fn table(&self) -> String {
        let told = |at: Option<f64>| at.map_or_else(|| "never".to_owned(), |at| format!("day {at:.1}"));
        let day = |kind| told(self.first(kind));
        let (before, after) = self.novel_recalls();
        let trained: Vec<String> = self.trained_s.iter().map(|seconds| format!("{seconds:.0} s")).collect();
        let payments: u64 = self.days.iter().map(|day| day.payments).sum();
        [
            format!("payments    {payments} on {} days", self.days.len()),
            format!("new fraud   {} from day {NOVEL_FROM}", self.novelty),
            format!("alarm       {}", told(self.alarm())),
            format!(
                "challenger  {}; trained, judged and announced in {}",
                day(MarkKind::Challenger),
                trained.join(", ")
            ),
            format!("promoted    {}", day(MarkKind::Promoted)),
            format!(
                "recall      {} of the new fraud on its first day, {} on the last four",
                percent(before),
                percent(after)
            ),
            format!(
                "bad model   pushed on day {BAD_ON}, {}",
                if self.rolled_back() { "rolled back by itself" } else { "NOT rolled back" }
            ),
            format!("complete    {}", if self.complete() { "yes" } else { "NO" }),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(known: [u64; 2], novel: [u64; 2]) -> DayFigures {
        DayFigures { payments: 100, known, novel, ..DayFigures::default() }
    }

    #[test]
    fn a_story_is_complete_only_with_all_its_parts() {
        let mut days = vec![day([10, 8], [0, 0]); NOVEL_FROM as usize];
        days.resize((BAD_ON - LAST_DAYS) as usize, day([10, 8], [10, 1]));
        days.resize(LIVE_DAYS as usize, day([10, 8], [10, 7]));
        let mut told = Told { novelty: "mule_network", days, ..Told::default() };
        assert_eq!(told.novel_recalls(), (Some(0.1), Some(0.7)));
        let (early, begun) = (1.5, f64::from(NOVEL_FROM));
        told.happened(begun + 0.5, MarkKind::Promoted, "2 promoted".to_owned());
        told.happened(early, MarkKind::Alarm, "drift alarm: psi".to_owned());
        assert_eq!(told.alarm(), None, "that was before the new fraud");
        told.happened(begun + 0.5, MarkKind::Alarm, "drift alarm: auc".to_owned());
        assert!(!told.complete());
        told.happened(2.5, MarkKind::RolledBack, "other rolled back (latency)".to_owned());
        assert!(!told.complete(), "the hasty model was not rolled back");
        told.happened(2.6, MarkKind::RolledBack, format!("{HASTY} rolled back (alert_rate)"));
        assert!(told.complete() && told.table().contains("complete    yes"), "{}", told.table());
    }

    #[test]
    fn changes_are_told_in_words() {
        let alias = |alias: &str| json!({"kind": "model", "change": "alias", "alias": alias, "model": "hybrid/2"});
        assert_eq!(meaning(&alias("champion")), Some((MarkKind::Promoted, "2 promoted".to_owned())));
        assert_eq!(meaning(&alias("challenger")), Some((MarkKind::Challenger, "challenger 2".to_owned())));
        assert_eq!(meaning(&json!({"kind": "list", "change": "put"})), None);
    }
}
