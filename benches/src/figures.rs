//! Figures, their targets, and how they are shown.

use serde::Serialize;

/// What a figure is to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured: `sampler`, `observe`, `network`, `http`, `start`, `review`, `cluster`.
    pub group: &'static str,
    /// Which figure.
    pub name: String,
    /// The value; none where it could not be measured, and then the note says why.
    pub value: Option<f64>,
    /// Unit of value and target.
    pub unit: &'static str,
    /// What it is to reach; none for what stands beside for comparison.
    pub target: Option<Target>,
    /// Whether it does.
    pub reached: Option<bool>,
    /// The floor in the same run, and what else belongs to the value.
    pub note: String,
}

/// The figures of a run.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    /// One line about the machine.
    pub machine: String,
    /// All figures, in the order they were measured.
    pub figures: Vec<Figure>,
}

impl Figures {
    /// Adds a figure that has a target.
    pub fn aim(
        &mut self,
        group: &'static str,
        name: &str,
        value: f64,
        unit: &'static str,
        target: Target,
        note: String,
    ) {
        let reached = match target {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
        };
        self.figures.push(Figure {
            group,
            name: name.to_owned(),
            value: Some(value),
            unit,
            target: Some(target),
            reached: Some(reached),
            note,
        });
    }

    /// Adds a figure that stands beside for comparison.
    pub fn tell(&mut self, group: &'static str, name: &str, value: f64, unit: &'static str, note: String) {
        self.figures.push(Figure {
            group,
            name: name.to_owned(),
            value: Some(value),
            unit,
            target: None,
            reached: None,
            note,
        });
    }

    /// Adds that something could not be measured, and why.
    pub fn missing(&mut self, group: &'static str, name: &str, why: String) {
        self.figures.push(Figure {
            group,
            name: name.to_owned(),
            value: None,
            unit: "",
            target: None,
            reached: None,
            note: why,
        });
    }

    /// The table.
    pub fn table(&self) -> String {
        let rows: Vec<[String; 5]> = self.figures.iter().map(Figure::row).collect();
        let head = ["figure", "value", "target", "", "measured beside it, in the same run"].map(str::to_owned);
        let width =
            |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [name, value, target, reached] = [width(0), width(1), width(2), width(3)];
        let line = |row: &[String; 5]| {
            let text =
                format!("{:<name$}  {:>value$}  {:>target$}  {:<reached$}  {}", row[0], row[1], row[2], row[3], row[4]);
            text.trim_end().to_owned() + "\n"
        };
        let mut text = format!("{}\n\n{}", self.machine, line(&head));
        let mut group = "";
        for (figure, row) in self.figures.iter().zip(&rows) {
            if figure.group != group {
                group = figure.group;
                text.push('\n');
            }
            text.push_str(&line(row));
        }
        let aimed = self.figures.iter().filter_map(|figure| figure.reached);
        let (reached, all) = aimed.fold((0, 0), |(reached, all), is| (reached + usize::from(is), all + 1));
        text.push_str(&format!("\n{reached} of {all} targets reached\n"));
        text
    }
}

impl Figure {
    fn row(&self) -> [String; 5] {
        let target = self.target.map_or(String::new(), |target| match target {
            Target::AtMost(most) => format!("≤ {}", with_unit(most, self.unit)),
            Target::AtLeast(least) => format!("≥ {}", with_unit(least, self.unit)),
        });
        let reached = self.reached.map_or("", |reached| if reached { "pass" } else { "falls short" });
        let value = self.value.map_or("not measured".to_owned(), |value| with_unit(value, self.unit));
        [format!("{}: {}", self.group, self.name), value, target, reached.to_owned(), self.note.clone()]
    }
}

/// Three significant digits or more, thousands apart.
fn with_unit(value: f64, unit: &str) -> String {
    let magnitude = value.abs();
    let number = if magnitude >= 1_000.0 {
        grouped(value)
    } else if magnitude >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if magnitude >= 10.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.1 {
        format!("{value:.2}")
    } else if magnitude >= 0.001 {
        format!("{value:.3}")
    } else {
        format!("{value:.1e}")
    };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// A whole number, its thousands apart.
pub fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = if number < 0.0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_was_reached() {
        let mut figures = Figures { machine: "2 cores".to_owned(), ..Figures::default() };
        figures.aim("sampler", "p50", 2.25, "×", Target::AtMost(2.5), "floor 5 µs".to_owned());
        figures.aim("http", "sustained", 1_100.4, "/s", Target::AtLeast(1_200.0), String::new());
        figures.tell("http", "sync", 0.05, "ms", String::new());
        figures.missing("http", "peer", "pip failed".to_owned());
        let expected = "2 cores\n\n\
            figure                  value      target               measured beside it, in the same run\n\n\
            sampler: p50           2.25 ×    ≤ 2.50 ×  pass         floor 5 µs\n\n\
            http: sustained      1,100 /s  ≥ 1,200 /s  falls short\n\
            http: sync           0.050 ms\n\
            http: peer       not measured                           pip failed\n\n\
            1 of 2 targets reached\n";
        assert_eq!(figures.table(), expected);
    }
}
